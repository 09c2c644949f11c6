"""Replays of one log under several futures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from simulator.audit.futures import scrambled, without_future
from simulator.audit.model import AnyModel
from simulator.calendar import Calendar
from simulator.engine import Engine
from simulator.log.memory import MemoryLog
from simulator.policies.base import Policy
from simulator.samples import Samples
from simulator.windows import Windows

Ticks = list[tuple[int, Mapping[str, Samples]]]
"""What each policy delivered, tick by tick, each with its start."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The log that is replayed, and how."""

    log: MemoryLog
    windows: Windows
    calendar: Calendar
    start: int
    until: int
    tick: int
    segment: int


@dataclass(frozen=True, slots=True)
class Other:
    """What was delivered from ``begin`` on when the future after ``cut`` was another one."""

    cut: int
    how: Literal["cut", "scrambled"]
    begin: int
    samples: Mapping[str, Samples]


def replays(
    setting: Setting, policies: Mapping[str, Policy], cuts: Sequence[int], seed: int
) -> tuple[Ticks, list[Other]]:
    """Replay the true log, and from where it can differ each other future."""
    begins = {cut: setting.start + (cut - setting.start) // setting.segment * setting.segment for cut in cuts}
    if cuts:
        begins[cuts[-1]] = setting.start
    engine = engine_of(setting, policies, setting.log)
    true: Ticks = []
    others: list[Other] = []
    while engine.now < setting.until:
        for cut in (cut for cut in cuts if begins[cut] == engine.now):
            logs: dict[Literal["cut", "scrambled"], MemoryLog] = {
                "cut": without_future(setting.log, cut),
                "scrambled": scrambled(setting.log, cut, setting.until, seed),
            }
            for how, log in logs.items():
                parts = advance(setting, engine.fork(log), cut + 1)
                samples = {key: of_policy(parts, key) for key in policies}
                others.append(Other(cut, how, engine.now, samples))
        true.append(tick(setting, engine))
    return true, sorted(others, key=lambda other: (other.cut, other.how))


def of_policy(ticks: Ticks, key: str, begin: int = 0) -> Samples:
    """Return what a policy delivered in the ticks from ``begin`` on."""
    return Samples.concatenate([samples[key] for start, samples in ticks if start >= begin])


def engine_of(
    setting: Setting, policies: Mapping[str, Policy], log: MemoryLog, *, copied: bool = True
) -> Engine:
    """Return an engine at the start; with copies of the policies, which so know nothing of other replays."""
    return Engine(
        log,
        setting.windows,
        {key: policy.copied() for key, policy in policies.items()} if copied else policies,
        start=setting.start,
        calendar=setting.calendar,
        features=any(policy.asks or policy.tells for policy in policies.values()),
        advisors={key: AnyModel() for key in policies},
    )


def tick(setting: Setting, engine: Engine) -> tuple[int, Mapping[str, Samples]]:
    """Advance by a tick, as a run does: none reaches over the end of a segment."""
    begin = engine.now
    edge = begin + min(setting.tick, setting.segment - (begin - setting.start) % setting.segment)
    end = (edge - setting.start) % setting.segment == 0
    return begin, engine.advance(edge, segment_end=end).samples


def advance(setting: Setting, engine: Engine, until: int) -> Ticks:
    """Replay in the same ticks, up to the end of the tick that holds ``until - 1``."""
    parts = []
    while engine.now < until:
        parts.append(tick(setting, engine))
    return parts


def replay(setting: Setting, policy: Policy, log: MemoryLog, until: int) -> Samples:
    """Replay one policy from the start."""
    parts = advance(setting, engine_of(setting, {"audited": policy}, log), until)
    return of_policy(parts, "audited")
