"""The audit proves that what is delivered up to t is a function of the events that are known up to t.

Every policy is replayed again on logs whose future, after some instant, was cut off or scrambled. Whatever was visible
up to that instant must be the same bit for bit. Where it is not, the future event that made the difference is
found by bisection and shown as a witness. A policy that reads data of its own, past the engine, is out of reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator.calendar import Calendar
from simulator.engine import Engine
from simulator.engine.batch import JourneyView
from simulator.learning import Clicks, Predictions
from simulator.log.memory import MemoryLog
from simulator.log.schema import EventBatch, Float64, Int64, Kind
from simulator.log.source import Source
from simulator.policies.base import Policy
from simulator.randomness import generator
from simulator.samples import ROLES, Samples
from simulator.units import HOUR, SECOND, format_duration, format_instant
from simulator.windows import Windows


@dataclass(frozen=True, slots=True)
class Leak:
    """A sample that depended on its future."""

    policy: str
    cut: int
    how: str
    """"cut" or "scrambled"."""
    before: str
    """The sample as delivered with the true future ("nothing" where it was missing)."""
    after: str
    """The sample as delivered with the other future."""
    witness: str
    """The future event that changed it."""


@dataclass(slots=True)
class AuditReport:
    """What was compared, and what was found."""

    cuts: list[int]
    compared: dict[str, int] = field(default_factory=dict)
    """Samples compared, by policy."""
    declared: list[str] = field(default_factory=list)
    """Policies that declare that they read the future, and so were not judged."""
    leaks: list[Leak] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    """A sentence on each feature that is a function of what events say later."""


@dataclass(frozen=True, slots=True)
class _Setting:
    log: MemoryLog
    windows: Windows
    calendar: Calendar
    start: int
    until: int
    tick: int
    segment: int


def in_memory(
    source: Source, start: int, until: int, *, events_until: int | None = None, features: bool = True
) -> MemoryLog:
    """Read a part of a log into arrays; events of earlier clicks are left out.

    Events are read as they became known up to ``events_until``, or as far as the clicks.
    """
    clicks = list(source.clicks(start, until, features=features))
    first = clicks[0].row if clicks else 0
    event = EventBatch.concatenate(
        list(source.events(start, until if events_until is None else events_until))
    )
    event = event[event.row >= first]
    if not clicks:
        none = np.empty(0, np.int64)
        return MemoryLog(none, none, event, None, 0, source.features)
    matrix = np.concatenate([c.features for c in clicks])
    click_id, time = np.concatenate([c.click_id for c in clicks]), np.concatenate([c.time for c in clicks])
    return MemoryLog(click_id, time, event, matrix, first, source.features)


def audit(
    log: MemoryLog,
    windows: Windows,
    policies: Mapping[str, Policy],
    *,
    start: int,
    until: int,
    cuts: Sequence[int],
    tick: int,
    segment: int,
    calendar: Calendar | None = None,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> AuditReport:
    """Compare every policy's samples under several futures.

    All policies are replayed together, as in a run. Another future begins after a cut, so what was replayed before
    need not be replayed again: a copy of the engine goes on from the start of the cut's segment. For the last cut all
    is replayed from the very start.

    Parameters
    ----------
    cuts : instants after which the future is changed.
    tell : is told which policy is looked at.
    """
    setting = _Setting(log, windows, calendar or Calendar(), start, until, tick, segment)
    report = AuditReport(sorted(cuts), declared=[key for key, policy in policies.items() if policy.peeks])
    judged = {key: policy for key, policy in policies.items() if not policy.peeks}
    for key in judged:
        tell(key)
    true, others = _replays(setting, judged, report.cuts, seed)
    for key, policy in judged.items():
        whole = Samples.concatenate([samples[key] for _, samples in true])
        report.compared[key] = 0
        for other in others:
            before = sum(len(samples[key]) for begin, samples in true if begin < other.begin)
            shared = int(np.count_nonzero(whole.visible_time[:before] <= other.cut))
            known = whole[before:]
            known = known[known.visible_time <= other.cut]
            found = other.samples[key]
            found = found[found.visible_time <= other.cut]
            if other.how == "cut":
                report.compared[key] += len(known)
            place = _first_difference(known, found)
            if place is not None:
                witness = (
                    _witness(setting, policy, other.cut, shared + place)
                    if other.how == "cut"
                    else _WITNESS_SCRAMBLED
                )
                report.leaks.append(
                    Leak(key, other.cut, other.how, _show(known, place), _show(found, place), witness)
                )
    return report


_WITNESS_SCRAMBLED = "some event after the cut (its time, kind or amount was changed)"


@dataclass(frozen=True, slots=True)
class _Other:
    """What was delivered from ``begin`` on when the future after ``cut`` was another one."""

    cut: int
    how: str
    begin: int
    samples: Mapping[str, Samples]


def _replays(
    setting: _Setting, policies: Mapping[str, Policy], cuts: Sequence[int], seed: int
) -> tuple[list[tuple[int, Mapping[str, Samples]]], list[_Other]]:
    """Replay the true log, and from where it can differ each other future; ticks come with their start."""
    begins = {cut: setting.start + (cut - setting.start) // setting.segment * setting.segment for cut in cuts}
    if cuts:
        begins[cuts[-1]] = setting.start
    engine = _engine(setting, policies, setting.log)
    true: list[tuple[int, Mapping[str, Samples]]] = []
    others: list[_Other] = []
    while engine.now < setting.until:
        for cut in (cut for cut in cuts if begins[cut] == engine.now):
            for how, log in (
                ("cut", _without_future(setting.log, cut)),
                ("scrambled", _scrambled(setting.log, cut, setting.until, seed)),
            ):
                parts = _advance(setting, engine.fork(log), cut + 1)
                samples = {key: Samples.concatenate([part[key] for _, part in parts]) for key in policies}
                others.append(_Other(cut, how, engine.now, samples))
        true.append(_tick(setting, engine))
    return true, sorted(others, key=lambda other: (other.cut, other.how))


def _engine(setting: _Setting, policies: Mapping[str, Policy], log: MemoryLog) -> Engine:
    return Engine(
        log,
        setting.windows,
        policies,
        start=setting.start,
        calendar=setting.calendar,
        features=any(policy.wants_predictions for policy in policies.values()),
        advisors={key: AnyModel() for key in policies},
    )


def _tick(setting: _Setting, engine: Engine) -> tuple[int, Mapping[str, Samples]]:
    """Advance by a tick, as a run does: none reaches over the end of a segment."""
    begin = engine.now
    edge = begin + min(setting.tick, setting.segment - (begin - setting.start) % setting.segment)
    end = (edge - setting.start) % setting.segment == 0
    return begin, engine.advance(edge, segment_end=end).samples


def _advance(setting: _Setting, engine: Engine, until: int) -> list[tuple[int, Mapping[str, Samples]]]:
    """Replay in the same ticks, up to the end of the tick that holds ``until - 1``."""
    parts = []
    while engine.now < until:
        parts.append(_tick(setting, engine))
    return parts


def _replay(setting: _Setting, policy: Policy, log: MemoryLog, until: int) -> Samples:
    """Replay one policy from the start."""
    parts = _advance(setting, _engine(setting, {"audited": policy}, log), until)
    return Samples.concatenate([samples["audited"] for _, samples in parts])


class AnyModel:
    """Predicts something that depends on what it is asked alone: the audit is about policies, not about learning.

    What it estimates depends on all that it was told, too: whoever tells it of the future is found out.
    """

    adapts = True

    def __init__(self) -> None:
        self._heard = 0.0

    def predict(self, clicks: Clicks) -> Predictions:
        score = self._score(clicks)
        rate = 0.02 + 0.01 * score
        return {"cvr": rate, "rfr": rate, "netcvr": rate * (1 - rate), "gmv": 10 + score}

    def estimate(
        self, clicks: Clicks, now: Int64, journey: JourneyView, known: Mapping[str, Float64]
    ) -> Mapping[str, Float64]:
        age = (now - clicks.time) / HOUR
        shown = journey.pay_count + 0.5 * journey.carted + np.log1p(journey.gmv)
        score = self._score(clicks) / 7 + self._heard
        return _AnyName(score - 0.1 * age + shown + sum(known.values(), np.zeros(len(age))))

    def heed(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        told = np.concatenate([now - clicks.time, *known.values()])
        self._heard = float(np.tanh(self._heard + np.nan_to_num(told, posinf=1.0, neginf=-1.0).mean()))

    def _score(self, clicks: Clicks) -> Float64:
        weights = np.arange(1.0, clicks.features.shape[1] + 1)
        score: Float64 = (clicks.features.astype(np.float64) @ weights) % 7
        return score


class _AnyName(dict[str, Float64]):
    def __init__(self, values: Float64) -> None:
        super().__init__()
        self._values = values

    def __missing__(self, name: str) -> Float64:
        return self._values


def _without_future(log: MemoryLog, cut: int, keep: EventBatch | None = None) -> MemoryLog:
    """Drop clicks after ``cut`` and events that became known after it, except for the events to ``keep``."""
    clicks = int(np.searchsorted(log.click_time, cut, side="right"))
    event = log.event[: int(np.searchsorted(log.event.arrival, cut, side="right"))]
    if keep is not None and len(keep):
        event = EventBatch.concatenate([event, keep]).in_order()
    matrix = None if log.feature_matrix is None else log.feature_matrix[:clicks]
    return MemoryLog(
        log.click_id[:clicks], log.click_time[:clicks], event, matrix, log.first_row, log.features
    )


def _scrambled(log: MemoryLog, cut: int, until: int, seed: int) -> MemoryLog:
    """Give every event that became known after ``cut`` another time after it, another kind and another amount.

    Where that is not when it happened, it happened at any time before, from its click on.
    """
    rng = generator(seed, "audit", cut)
    events = log.event
    future = events.arrival > cut
    n = int(np.count_nonzero(future))
    time, kind, amount = events.time.copy(), events.kind.copy(), events.amount.copy()
    arrival = events.arrival.copy() if events.late else time
    arrival[future] = rng.integers(cut + 1, max(until, cut + 2), n)
    kind[future] = rng.choice(np.array([Kind.CART, Kind.PAY, Kind.REFUND], np.uint8), n)
    amount[future] = np.round(rng.gamma(2, 30, n), 2)
    if events.late:
        clicked = log.click_time[np.minimum(events.row - log.first_row, len(log.click_time) - 1)]
        since = np.minimum(np.minimum(clicked, events.time), arrival)[future]
        time[future] = since + (rng.random(n) * (arrival[future] - since + 1)).astype(np.int64)
    event = EventBatch(events.row, events.event_id, time, kind, amount, arrival).in_order()
    matrix = log.feature_matrix
    if matrix is not None:
        later = np.flatnonzero(log.click_time > cut)
        matrix = matrix.copy()
        matrix[later] = matrix[rng.permutation(later)]
    return MemoryLog(log.click_id, log.click_time, event, matrix, log.first_row, log.features)


def _first_difference(a: Samples, b: Samples) -> int | None:
    """Return the first place where two lists of samples differ in any column, bit for bit."""
    n = min(len(a), len(b))
    same = np.ones(n, np.bool_)
    for name in Samples.__dataclass_fields__:
        x, y = getattr(a, name)[:n], getattr(b, name)[:n]
        same &= x.view(np.int64) == y.view(np.int64) if x.dtype.itemsize == 8 else x == y
    if not same.all():
        return int(np.argmin(same))
    return n if len(a) != len(b) else None


def _show(samples: Samples, place: int) -> str:
    if place >= len(samples):
        return "nothing"
    row = samples[place : place + 1]
    said = [f"{name} {getattr(row, name)[0]:g}" for name in ("converted", "refunded", "gmv", "weight")]
    said = [text for text in said if not text.endswith("nan")]
    role = ROLES[int(row.role[0])]
    when = format_instant(int(row.visible_time[0]))
    return f"click {row.click_id[0]} at {when}: {role!r}, revision {row.revision[0]}, {', '.join(said)}"


def _witness(setting: _Setting, policy: Policy, cut: int, place: int) -> str:
    """Find the future event whose presence flips the sample, those of its own click first."""
    log = setting.log
    future = np.flatnonzero(log.event.arrival > cut)

    def sample(keep: int) -> str:
        other = _without_future(log, cut, log.event[np.sort(future[:keep])])
        found = _replay(setting, policy, other, cut + 1)
        return _show(found[found.visible_time <= cut], place)

    bare = sample(0)
    concerned = _row_of(setting, policy, cut, place)
    own = log.event.row[future] == concerned
    future = np.concatenate([future[own], future[~own]])
    low, high = 0, len(future)
    if sample(high) == bare:
        return f"a click after {format_instant(cut)}"
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if sample(middle) == bare else (low, middle)
    found = log.event[future[high - 1 : high]]
    kind = Kind(int(found.kind[0])).name.lower()
    click = log.click_id[int(found.row[0]) - log.first_row]
    when = int(found.arrival[0])
    happened = f", known {format_instant(when)}" if found.late else ""
    return (
        f"{kind} {found.event_id[0]} of click {click} at {format_instant(int(found.time[0]))}{happened}, "
        f"{format_duration((when - cut) // SECOND * SECOND)} after the cut"
    )


def _row_of(setting: _Setting, policy: Policy, cut: int, place: int) -> int:
    """Return the row of the click of the sample that differs."""
    samples = _replay(setting, policy, setting.log, cut + 1)
    samples = samples[samples.visible_time <= cut]
    return int(samples.row[place]) if place < len(samples) else -1
