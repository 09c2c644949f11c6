"""When clicks come: a non-homogeneous Poisson process by hour, weekday and promotion; and the draws that
belong to them.
"""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Bool, Float64, Int64
from simulator.randomness import generator
from simulator.units import DAY, HOUR
from simulator.worlds.constants import CLICK_SHARE, FIRST_WEEKDAY, WEEKDAY_CLICKS, ZIPF_SHIFT
from simulator.worlds.promotion import Schedule
from simulator.worlds.settings import WorldSettings

ORDINARY, EXTRA = 0, 1


class Arrivals:
    """The clicks of one day in order of time.

    The ordinary clicks of a day and those a promotion brings on top are two processes with draws of their
    own, so that a promotion adds clicks (or, where its multiplier is below 1, removes some) and leaves the
    others as they were.
    """

    def __init__(self, settings: WorldSettings, schedule: Schedule, seed: int, day: int) -> None:
        self._seed, self._day = seed, day
        weekday = np.asarray(settings.weekday or WEEKDAY_CLICKS)
        level = weekday[(FIRST_WEEKDAY + day) % 7] / weekday.mean()
        share = click_share(settings)
        hourly = settings.clicks_per_day * level * share
        multiplier = schedule.traffic[24 * day : 24 * day + 24]
        self.rate: Float64 = hourly * multiplier
        times = [
            self._process(ORDINARY, hourly),
            self._process(EXTRA, hourly * np.maximum(multiplier - 1, 0.0)),
        ]
        self._counts = [len(part) for part in times]
        joined = np.concatenate(times)
        self._order: Int64 | None = None
        if multiplier.min() < 1 or self._counts[EXTRA]:
            self._order = np.argsort(joined, kind="stable")
            self._order = self._order[self._kept(joined, multiplier)[self._order]]
            joined = joined[self._order]
        self.time: Int64 = joined

    def __len__(self) -> int:
        return len(self.time)

    def _process(self, source: int, hourly: Float64) -> Int64:
        rng = generator(self._seed, "world", "arrivals", self._day, source)
        counts = rng.poisson(hourly)
        hour = np.repeat(np.arange(24) + 24 * self._day, counts)
        offset = rng.integers(HOUR, size=len(hour))
        times: Int64 = np.sort(hour * HOUR + offset)
        return times

    def _kept(self, time: Int64, multiplier: Float64) -> Bool:
        chance = np.minimum(multiplier, 1.0)[time // HOUR % 24]
        thinning = np.zeros(len(time))
        ordinary = self._counts[ORDINARY]
        thinning[:ordinary] = generator(self._seed, "world", "thinning", self._day).random(ordinary)
        chance[ordinary:] = 1.0
        kept: Bool = thinning < chance
        return kept

    def _gather(self, parts: list[Float64]) -> Float64:
        joined = np.concatenate(parts) if self._counts[EXTRA] else parts[0]
        return joined if self._order is None else joined[self._order]

    def uniform(self, part: str) -> Float64:
        """Draw one uniform a click from the stream of this part of the world."""
        return self._gather([rng.random(count) for rng, count in self._streams(part)])

    def normal(self, part: str) -> Float64:
        """Draw one standard normal a click."""
        return self._gather([rng.standard_normal(count) for rng, count in self._streams(part)])

    def exponential(self, part: str) -> Float64:
        """Draw one standard exponential a click."""
        return self._gather([rng.standard_exponential(count) for rng, count in self._streams(part)])

    def _streams(self, part: str) -> list[tuple[np.random.Generator, int]]:
        return [(generator(self._seed, "world", part, self._day, s), n) for s, n in enumerate(self._counts)]


class Some:
    """The draws of some of a day's clicks."""

    def __init__(self, draws: Arrivals, index: Int64) -> None:
        self._draws, self._index = draws, index
        self.time: Int64 = draws.time[index]

    def __len__(self) -> int:
        return len(self.time)

    def uniform(self, part: str) -> Float64:
        """Draw one uniform a click, as for all clicks of the day."""
        return self._draws.uniform(part)[self._index]

    def normal(self, part: str) -> Float64:
        """Draw one standard normal a click."""
        return self._draws.normal(part)[self._index]

    def exponential(self, part: str) -> Float64:
        """Draw one standard exponential a click."""
        return self._draws.exponential(part)[self._index]


class Sampled:
    """Draws for ``count`` clicks of a day that are not in the log (used to solve for the world's levels)."""

    def __init__(self, settings: WorldSettings, seed: int, day: int, count: int) -> None:
        self._seed, self._day, self._count = seed, day, count
        hours = generator(seed, "world", "calibration", "hour", day)
        hour = hours.choice(24, count, p=click_share(settings))
        offset = generator(seed, "world", "calibration", "offset", day).integers(HOUR, size=count)
        self.time: Int64 = np.sort(day * DAY + hour * HOUR + offset)

    def __len__(self) -> int:
        return self._count

    def uniform(self, part: str) -> Float64:
        """Draw one uniform a click."""
        return generator(self._seed, "world", "calibration", part, self._day).random(self._count)

    def normal(self, part: str) -> Float64:
        """Draw one standard normal a click."""
        return generator(self._seed, "world", "calibration", part, self._day).standard_normal(self._count)


def click_share(settings: WorldSettings) -> Float64:
    """Return the share of an ordinary day's clicks that comes in each hour."""
    share = CLICK_SHARE if settings.clicks_by_hour is None else np.array(settings.clicks_by_hour)
    normed: Float64 = share / share.sum()
    return normed


def zipf_rank(uniform: Float64, count: int, exponent: float) -> Int64:
    """Map uniforms to ranks in [0, count) of popularity proportional to (rank + 3)^-exponent, by the
    continuous inverse.
    """
    low, high = ZIPF_SHIFT, ZIPF_SHIFT + count
    if exponent == 1.0:
        place = low * (high / low) ** uniform
    else:
        power = 1.0 - exponent
        place = (low**power + uniform * (high**power - low**power)) ** (1.0 / power)
    rank: Int64 = np.minimum((place - low).astype(np.int64), count - 1)
    return rank
