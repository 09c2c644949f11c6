"""Past days that resemble the first hours of one that is under way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from learners.past import Past
from simulator.log.schema import Float64, Int64
from simulator.units import DAY

RECENT = 3
"""Days before a day whose conversion rate says what is going on."""


@dataclass(frozen=True, slots=True)
class DayVectors:
    """What each of some days looks like after its first hours.

    Parameters
    ----------
    start : where each day starts, shape (n,); a day is 24 hours, and the last one is that which is under way.
    rate : share of the clicks of the three days before that were known to have paid by the end of the first hours.
    shares : of each value of the category among the clicks of the first hours, shape (n, C).
    """

    start: Int64
    rate: Float64
    shares: Float64

    def nearest(self, count: int) -> Int64:
        """Return which days resemble the last one most, nearest first; of equals the later one.

        The rate and the shares each count once: squared differences of numbers divided by their spread over the days,
        those of the shares as their mean over the categories.
        """
        rate = _apart(self.rate[:, None])[:-1, 0]
        shares = _apart(self.shares)[:-1].mean(axis=1) if self.shares.shape[1] else np.zeros(len(rate))
        order = np.lexsort((-self.start[:-1], rate + shares))
        return order[:count]


def _apart(numbers: Float64) -> Float64:
    """Return the squared difference of each row from the last one, in units of each column's spread."""
    spread = numbers[:-1].std(axis=0)
    away: Float64 = ((numbers - numbers[-1]) / np.where(spread > 0, spread, 1.0)) ** 2
    return away


def day_vectors(past: Past, first: int, day: int, after: int, column: int, values: int) -> DayVectors:
    """Return the vectors of the days from ``first`` on whose labels are final, and of the day that starts at ``day``.

    Each day is seen as it was seen then: pays count that were known when its first hours were over, so that the last days'
    labels are as incomplete for every day as for the one under way. Days without clicks in their first hours, or in the
    days before, are left out.

    Parameters
    ----------
    past : the log as it is known, at ``day`` + ``after`` or later.
    first : nothing before it is read.
    after : length of the first hours.
    column, values : place of the category among the columns of features, and how many values it has.
    """
    back = np.arange((day - first) // DAY, -1, -1)
    starts = day - back * DAY
    asked = starts + after
    clicks, pays = np.zeros(len(starts)), np.zeros(len(starts))
    for time, known in past.known_pays(int(starts[0]), day):
        of = (time - starts[0]) // DAY  # which of the days a click is in
        for later in range(1, RECENT + 1):
            whose = of + later
            inside = whose < len(starts)
            clicks += np.bincount(whose[inside], minlength=len(starts))
            paid = inside & (known < asked[np.minimum(whose, len(starts) - 1)])
            pays += np.bincount(whose[paid], minlength=len(starts))
    whole = np.arange(len(starts)) >= RECENT
    final = np.array([past.settled(int(start) + DAY) for start in starts])
    kept = np.flatnonzero(whole & (clicks > 0) & (final | (starts == day)))
    shares = np.zeros((len(starts), values))
    for k in kept:
        for batch in past.clicks(int(starts[k]), int(asked[k])):
            shares[k] += np.bincount(batch.features[:, column], minlength=values)
    counts = shares.sum(axis=1)
    kept = kept[counts[kept] > 0]
    return DayVectors(starts[kept], pays[kept] / clicks[kept], shares[kept] / counts[kept, None])
