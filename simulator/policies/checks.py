"""Conformance kit: what every delay policy must hold, built-in or the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from simulator.audit import AnyModel, audit
from simulator.calendar import Calendar, Promotion
from simulator.conformance import Checks, outcomes
from simulator.engine import Engine
from simulator.errors import PolicyError
from simulator.log.memory import MemoryLog, final_labels, random_log
from simulator.log.schema import Bool, Kind
from simulator.policies.base import Policy
from simulator.policies.registry import policy_from
from simulator.randomness import generator
from simulator.samples import Samples
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows

WINDOWS = (
    (Windows(DAY, DAY), 0),
    (Windows(3 * HOUR, 0), 0),
    (Windows(2 * DAY, 3 * HOUR), 0),
    (Windows(DAY, 6 * HOUR, 10 * HOUR, "exclusive"), 10 * HOUR),
)
"""With each, how much later than they happen events become known at the most."""
CALENDAR = Calendar.of([Promotion("sale", DAY + 7 * HOUR, 2 * DAY, DAY // 2)])
"""All phases lie inside the logs."""


def check_policy(policy: Policy, *, seed: int = 0, clicks: int = 400) -> list[str]:
    """Replay random logs full of ties and edges, and check the contract of a policy.

    In one of the logs events become known late and out of order. Checked: parameters survive a round trip; equal replays
    give equal samples; ticks do not matter; nothing depends on the future (unless it declares ``peeks``); only declared
    labels are carried; revisions count up per click; and, if it promises the final label, the last sample of each click
    carries the final label.

    Returns the names of the checks that were passed.

    Raises
    ------
    PolicyError : with every broken rule.

    Examples
    --------
    >>> from simulator.policies import policy_from
    >>> "causal" in check_policy(policy_from({"kind": "elapsed-time", "window": "1h"}), clicks=100)
    True
    """
    found = list(outcomes(checks(policy, seed=seed, clicks=clicks)))
    if broken := [f"{check.name}: {check.fault}" for check in found if check.fault]:
        raise PolicyError(f"policy {policy.kind!r} breaks its contract:\n" + "\n".join(broken))
    return [check.name for check in found]


def checks(policy: Policy, *, seed: int = 0, clicks: int = 400) -> Checks:
    """Yield the checks of a policy, each over all logs."""
    trials = [
        _Trial(
            policy,
            random_log(generator(seed, "check_policy", number), clicks, windows, days=4, lag=lag),
            windows,
        )
        for number, (windows, lag) in enumerate(WINDOWS)
    ]
    for name, check in _CHECKS.items():
        if (name != "causal" or not policy.peeks) and (name != "final" or policy.promises_final()):
            yield name, partial(_over, trials, check)


def _over(trials: Sequence[_Trial], check: Callable[[_Trial], str]) -> str:
    found = [f"{fault} (windows {number})" for number, trial in enumerate(trials) if (fault := check(trial))]
    return "; ".join(found)


@dataclass(frozen=True)
class _Trial:
    """A policy on one of the logs."""

    policy: Policy
    log: MemoryLog
    windows: Windows

    @property
    def until(self) -> int:
        return int(self.log.click_time[-1]) + self.windows.lifetime + MINUTE

    def replayed(self, tick: int) -> Samples:
        return _replay(self.policy, self.log, self.windows, self.until, tick)

    @cached_property
    def samples(self) -> Samples:
        """What it delivers where all is one tick."""
        return self.replayed(self.until)


def _ticks(trial: _Trial) -> str:
    return next(
        filter(None, (_same(trial.samples, trial.replayed(tick)) for tick in (5 * HOUR, 37 * MINUTE))), ""
    )


def _causal(trial: _Trial) -> str:
    report = audit(
        trial.log,
        trial.windows,
        {"policy": trial.policy},
        start=0,
        until=trial.until,
        cuts=[DAY, 2 * DAY + 1],
        tick=5 * HOUR,
        segment=SEGMENT,
        calendar=CALENDAR,
    )
    return "; ".join(map(str, report.leaks))


_CHECKS: dict[str, Callable[[_Trial], str]] = {
    "parameters": lambda trial: _parameters(trial.policy),
    "deterministic": lambda trial: _same(trial.samples, trial.replayed(trial.until)),
    "ticks": _ticks,
    "labels": lambda trial: _declared(trial.policy, trial.samples),
    "revisions": lambda trial: _revisions(trial.samples),
    "causal": _causal,
    "final": lambda trial: _final(trial.policy, trial.samples, trial.log, trial.windows),
}


SEGMENT = 10 * HOUR


def _replay(policy: Policy, log: MemoryLog, windows: Windows, until: int, tick: int) -> Samples:
    advisors = {"policy": AnyModel()}
    engine = Engine(
        log, windows, {"policy": policy}, start=0, calendar=CALENDAR, features=True, advisors=advisors
    )
    ends = {*range(SEGMENT, until, SEGMENT), until}
    edges = sorted({min(edge, until) for edge in range(tick, until + tick, tick)} | ends)
    ticks = (engine.advance(edge, segment_end=edge in ends) for edge in edges)
    return Samples.concatenate([tick.samples["policy"] for tick in ticks])


def _parameters(policy: Policy) -> str:
    again = policy_from(
        {
            "kind": policy.kind,
            **policy.model_dump(mode="json"),
        }
    )
    return "" if again == policy else f"{policy!r} became {again!r}"


def _same(a: Samples, b: Samples) -> str:
    for name, same in a.compared(b):
        if len(a) != len(b) or not same.all():
            return f"{len(a)} samples against {len(b)}; column {name} differs"
    return ""


def _declared(policy: Policy, samples: Samples) -> str:
    carried = [
        name for name in ("converted", "refunded", "gmv") if not np.isnan(getattr(samples, name)).all()
    ]
    extra: Sequence[str] = [name for name in carried if name not in policy.labels]
    return f"carries {', '.join(extra)} but declares only {', '.join(policy.labels)}" if extra else ""


def _revisions(samples: Samples) -> str:
    order = np.lexsort((np.arange(len(samples)), samples.row))
    row, revision = samples.row[order], samples.revision[order]
    first = np.append(True, row[1:] != row[:-1])
    expected = np.arange(len(row)) - np.maximum.accumulate(np.where(first, np.arange(len(row)), 0))
    return "" if np.array_equal(revision, expected) else "revisions of a click do not count up from 0"


def _final(policy: Policy, samples: Samples, log: MemoryLog, windows: Windows) -> str:
    """The last sample of each click must carry the final label; a click without samples must not have converted."""
    final = final_labels(log.click_time, log.event, 0, windows)
    last = np.full(len(log.click_time), -1)
    last[samples.row] = np.arange(len(samples))
    silent = int(np.count_nonzero(final.converted[last < 0]))
    if silent:
        return f"{silent} converting clicks were never delivered"
    known = samples[last[last >= 0]]
    seen = last >= 0
    truths = {"converted": final.converted, "refunded": final.refunded, "gmv": final.gmv}
    for name in policy.labels:
        value, truth = getattr(known, name), truths[name][seen].astype(np.float64)
        wrong = ~np.isnan(value) & ~np.isclose(value, truth, rtol=1e-12)
        if name == "refunded":
            wrong &= ~_reordered(log)[seen]
        if wrong.any():
            return f"{np.count_nonzero(wrong)} of {len(known)} clicks end with another {name} than their final one"
    return ""


def _reordered(log: MemoryLog) -> Bool:
    """Mark the clicks of which a later pay was known before an earlier one: a refund that was told may count no more."""
    event = log.event[np.flatnonzero(log.event.kind == Kind.PAY)]
    event = event[np.argsort(event.row, kind="stable")]  # by click, as they became known
    earlier = (event.row[1:] == event.row[:-1]) & (event.time[1:] < event.time[:-1])
    marked = np.zeros(len(log.click_time), np.bool_)
    marked[event.row[1:][earlier]] = True
    return marked
