"""Intervals within one log: whole users are drawn again, since rows of one user are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.evaluation.causal.effects import Means, Statistic
from simulator.log.schema import Float64, Int64

RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Resampled:
    """Estimates on all rows, shape (k,), and on each resample, shape (resamples, k)."""

    value: Float64
    drawn: Float64

    def quantile(self, chance: float) -> Float64:
        """Return the quantile of each estimate over the resamples; NaN where one of them is undefined."""
        found: Float64 = np.quantile(self.drawn, chance, axis=0)
        return found

    def interval(self, confidence: float = 0.95) -> tuple[Float64, Float64]:
        """Return the ends of the percentile intervals."""
        return self.quantile((1 - confidence) / 2), self.quantile((1 + confidence) / 2)


def over_users(
    statistic: Statistic, user: Int64, random: np.random.Generator, resamples: int = RESAMPLES
) -> Resampled:
    """Resample whole users with replacement.

    Parameters
    ----------
    statistic : takes the weights of rows, shape (n,): how often each counts.
    user : of each row.
    """
    distinct, place = np.unique(user, return_inverse=True)
    count = len(distinct)
    summed = statistic.summed(place) if isinstance(statistic, Means) else None
    drawn = []
    for _ in range(resamples):
        often = np.bincount(random.integers(0, count, count), minlength=count).astype(np.float64)
        drawn.append(statistic(often[place]) if summed is None else summed(often))
    return Resampled(statistic(np.ones(len(user))), np.array(drawn))
