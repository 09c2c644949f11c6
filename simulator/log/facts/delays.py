"""Waits between events: how long they take, and how far that is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from simulator.histogram import Distribution
from simulator.log.facts.intervals import Interval, Share, of_share
from simulator.log.facts.sums import AGES, DELAYS, ORDINARY, OTHER, Gathered
from simulator.units import DAY, HOUR, format_duration

QUANTILES = (5, 10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90, 95, 99)
REFERENCE = 3 * DAY
"""Delays are also stated given that they are at most this long, so that logs of other windows can be compared."""


def delay_facts(found: Gathered) -> Iterator[tuple[str, float | Share | None]]:
    """Yield what is known of every wait, in hours."""
    for name in DELAYS:
        delays = found.delays[name].of(*_groups(found, name))
        window = _window(found, name)
        yield f"{name}.count", float(delays.total)
        yield f"{name}.mean", _in_hours(delays.mean())
        for percent in QUANTILES:
            yield f"{name}.p{percent}", _in_hours(delays.quantile(percent / 100))
        for age in AGES:
            if age < window and (share := delays.share(age)) is not None:
                yield f"{name}.within.{format_duration(age)}", Share(share, delays.total)
        of = delays.share(REFERENCE) if window >= REFERENCE else None
        for age in AGES if of else ():
            if age < REFERENCE and of and (share := delays.share(age)) is not None:
                yield f"{name}.within_3d.{format_duration(age)}", Share(share / of, of * delays.total)
        for percent in QUANTILES if of else ():
            yield f"{name}.within_3d.p{percent}", _in_hours(delays.quantile(percent / 100 * (of or 0.0)))


def quantile_intervals(found: Gathered) -> Iterator[tuple[str, Interval]]:
    """Yield the interval of every quantile that the groups of users tell of."""
    for name in DELAYS:
        delays = found.delays[name].of(*_groups(found, name))
        parts = [part.delays[name].of(*_groups(found, name)) for part in found.parts]
        limits = {"": np.inf}
        if _window(found, name) >= REFERENCE:
            limits["within_3d."] = REFERENCE
        for given, longest in limits.items():
            for percent in QUANTILES:
                interval = quantile_interval(delays, parts, percent / 100, longest)
                if interval is not None:
                    yield f"{name}.{given}p{percent}", (interval[0] / HOUR, interval[1] / HOUR)


def quantile_interval(
    delays: Distribution, parts: Sequence[Distribution], share: float, longest: float = np.inf
) -> Interval | None:
    """Return the interval of the quantile of the values up to ``longest``, from the same values by group of users: the values
    at the ends of the interval of the share below it. None where fewer than two groups have values.
    """
    held = [part for part in parts if part.share(longest)]
    of = delays.share(longest)
    if len(held) < 2 or not of or (place := delays.quantile(share * of)) is None:
        return None
    inside, below = (np.array([_count(part, limit) for part in held]) for limit in (longest, place))
    apart = below - below.sum() / inside.sum() * inside
    variance = len(held) / (len(held) - 1) * float((apart**2).sum()) / float(inside.sum()) ** 2
    ends = of_share(share, float(inside.sum()), variance, len(held))
    low, high = (delays.quantile(end * of) for end in ends)
    return None if low is None or high is None else (low, high)


def _count(delays: Distribution, value: float) -> float:
    return delays.total * (delays.share(value) or 0.0)


def _groups(found: Gathered, name: str) -> tuple[int, ...]:
    """Return the days whose waits are meant: ordinary ones, unless nothing happened on them."""
    return (ORDINARY,) if found.delays[name].counts[ORDINARY].any() else (ORDINARY, OTHER)


def _window(found: Gathered, name: str) -> int:
    return found.windows.refund if name == "pay_refund" else found.windows.attribution


def _in_hours(micros: float | None) -> float | None:
    return None if micros is None else micros / HOUR
