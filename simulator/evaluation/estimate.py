"""A paired difference with its interval, and how many more replicates would settle it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Float64

POWER = 0.8
"""How likely as many replicates as are asked for would settle a difference of the size that was measured."""
MOST = 1000
"""Differences that need more replicates than this count as none."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean difference over ``n`` replicates, and ``sd``, the standard deviation of what one of them says (NaN: one only)."""

    mean: float
    sd: float
    n: int

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the t-interval; NaN with fewer than two replicates."""
        if self.n < 2:
            return math.nan, math.nan
        half = _quantile(self.n - 1, 0.5 + confidence / 2) * self.sd / math.sqrt(self.n)
        return self.mean - half, self.mean + half

    def settled(self, confidence: float) -> bool:
        """Tell whether zero is outside the interval."""
        low, high = self.interval(confidence)
        return low > 0 or high < 0

    def needed(self, confidence: float) -> int | None:
        """Return the least number of replicates that settles a true difference of this mean and sd with `POWER`.

        By the noncentral t distribution. None: there is no spread to tell it by, or more than `MOST` are needed.
        """
        if not self.sd > 0 or self.mean == 0:
            return 2 if self.sd == 0 and self.mean else None
        effect = abs(self.mean) / self.sd
        if power(effect, MOST, confidence) < POWER:
            return None
        low, high = 1, MOST  # too few, enough
        while high - low > 1:
            middle = (low + high) // 2
            if power(effect, middle, confidence) >= POWER:
                high = middle
            else:
                low = middle
        return high


def power(effect: float, n: int, confidence: float) -> float:
    """Return how likely a t-test over ``n`` replicates finds a difference of ``effect`` standard deviations, on its side."""
    from scipy.special import nctdtr

    if n < 2:
        return 0.0
    shift = effect * math.sqrt(n)
    critical = _quantile(n - 1, 0.5 + confidence / 2)
    # Far above its critical value the distribution function runs into its own limits, and the answer is plain.
    return (
        1.0
        if shift > critical + 9 * math.sqrt(1 + critical**2)
        else 1.0 - float(nctdtr(n - 1, shift, critical))
    )


def over_runs(differences: Sequence[float]) -> Estimate:
    """Take each run's difference as one replicate."""
    known = np.array(differences, np.float64)
    sd = float(known.std(ddof=1)) if len(known) > 1 else math.nan
    return Estimate(float(known.mean()), sd, len(known))


def over_blocks(difference: Float64, weight: Float64) -> Estimate:
    """Take blocks of consecutive cells as replicates of a ratio: the sum of ``difference`` over the sum of ``weight``.

    A block is as many cells as the cube root of their number: what is alike in neighbouring cells is then not counted as
    often as there are cells. The deviation is that of the linearised ratio (Cochran, Sampling Techniques, 1977, 6.3).

    Parameters
    ----------
    difference, weight : shape (cells,), in order of time.
    """
    return from_rest(*ratio(blocks(difference), blocks(weight)))


def ratio(up: Float64, down: Float64) -> tuple[float, Float64]:
    """Return the ratio of two sums over blocks, and what each block moves it by: the linearised ratio, which sums to 0."""
    whole = float(down.sum())
    if not whole:
        return math.nan, np.zeros(len(up))
    value = float(up.sum()) / whole
    return value, (up - value * down) / whole


def from_rest(value: float, rest: Float64) -> Estimate:
    """Return the estimate of a value of which each block says its part, more or less ``rest``; shape (blocks,)."""
    n = len(rest)
    sd = math.sqrt(float(rest @ rest) * n * n / (n - 1)) if n > 1 and math.isfinite(value) else math.nan
    return Estimate(value, sd, n)


def blocks(values: Float64) -> Float64:
    """Return the sums over blocks of consecutive cells, of nearly equal numbers of cells."""
    if not len(values):
        return values
    count = max(len(values) // max(round(len(values) ** (1 / 3)), 1), 1)
    edges = (np.arange(count) * len(values)) // count
    summed: Float64 = np.add.reduceat(values, edges)
    return summed


def _quantile(degrees: int, share: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, share))
