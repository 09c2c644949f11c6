"""What a policy keeps outside its own values: found on itself and its class, and by replays that it may not tell apart."""

from __future__ import annotations

import pickle  # to tell whether a value has changed; nothing is unpickled
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from simulator.audit.replays import Setting, Ticks, advance, engine_of, of_policy, tick
from simulator.policies.base import Policy
from simulator.samples import Samples


@dataclass(frozen=True, slots=True)
class Outside:
    """Two replays of the true log: one before all others, and one in other ticks.

    Parameters
    ----------
    first, first_until : what each policy delivered in the very first replay, and up to when that is whole.
    otherwise, until : what it delivered in other ticks.
    changed : by policy, what it keeps, and when that changed first.
    """

    first: Mapping[str, Samples]
    first_until: int
    otherwise: Mapping[str, Samples]
    until: int
    changed: Mapping[str, tuple[int, str]]


def look_outside(setting: Setting, policies: Mapping[str, Policy], cuts: Sequence[int]) -> Outside:
    """Replay up to the first cut, then in other ticks up to the last, and watch what the policies hold."""
    first_until, until = (cuts[0], cuts[-1]) if cuts else (setting.start, setting.start)
    engine = engine_of(setting, policies, setting.log)
    first = advance(setting, engine, first_until + 1)
    longer = setting.tick * 8 // 5
    shorter = max(1, min(setting.tick, setting.segment) * 5 // 8)
    other = replace(setting, tick=longer if longer < setting.segment else shorter)
    copies = {key: policy.copied() for key, policy in policies.items()}
    ticks, changed = _watch(other, copies, until + 1)
    return Outside(
        {key: of_policy(first, key) for key in policies},
        first_until,
        {key: of_policy(ticks, key) for key in policies},
        until,
        changed,
    )


def _watch(
    setting: Setting, policies: Mapping[str, Policy], until: int
) -> tuple[Ticks, dict[str, tuple[int, str]]]:
    """Replay and compare what each policy holds after a tick with what it held before.

    The ends of segments come in the same order in any replay: what changes with them alone is no fault.
    """
    engine = engine_of(setting, policies, setting.log, copied=False)
    ticks: Ticks = []
    changed: dict[str, tuple[int, str]] = {}
    held = {key: _held(policy) for key, policy in policies.items()}
    while engine.now < until:
        ticks.append(tick(setting, engine))
        at_end = (engine.now - setting.start) % setting.segment == 0
        for key in [key for key in policies if key not in changed]:
            now = _held(policies[key])
            others = [name for name, value in now.items() if held[key].get(name) != value]
            if others and not at_end:
                changed[key] = engine.now, others[0]
            held[key] = now
    return ticks, changed


def _held(policy: Policy) -> dict[str, bytes]:
    """Return what a policy and its own classes hold, as bytes that change with it, by attribute."""
    values = {**vars(policy), **(policy.__pydantic_private__ or {})}
    for cls in type(policy).__mro__:
        if cls not in Policy.__mro__:
            values = {**vars(cls), **values}
    held: dict[str, bytes] = {}
    for name, value in values.items():
        computed_once = isinstance(getattr(type(policy), name, None), cached_property)
        if name.startswith("__") or callable(value) or computed_once:
            continue
        if isinstance(value, Policy):
            held |= {f"{name}.{inside}": found for inside, found in _held(value).items()}
        try:
            held[name] = pickle.dumps(value)
        except Exception:  # noqa: BLE001, S112 - what cannot be written down cannot be compared
            continue
    return held
