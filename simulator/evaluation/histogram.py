"""A histogram of durations over log-spaced bins: bounded memory, quantiles to about a twentieth."""

from __future__ import annotations

import math

import numpy as np

from simulator.log.schema import Float64, Int64
from simulator.units import SECOND

_PER_DECADE = 24
_DECADES = 8
EDGES: Float64 = SECOND * 10.0 ** (np.arange(_PER_DECADE * _DECADES + 1) / _PER_DECADE)
"""Edges in microseconds, from 1 s to 10^8 s (three years); below the first edge counts as at once."""


class DurationHistogram:
    """Counts of durations (microseconds, not negative), with their exact sum in each bin."""

    def __init__(self) -> None:
        self.counts: Int64 = np.zeros(len(EDGES) + 1, np.int64)
        self.sums: Float64 = np.zeros(len(EDGES) + 1)

    def add(self, durations: Int64) -> None:
        """Count durations."""
        bins = np.searchsorted(EDGES, durations, side="right")
        self.counts += np.bincount(bins, minlength=len(self.counts))
        self.sums += np.bincount(bins, durations, len(self.counts))

    @property
    def size(self) -> int:
        """How many durations were counted."""
        return int(self.counts.sum())

    def mean(self) -> float:
        """Exact mean in microseconds."""
        return float(self.sums.sum()) / self.size if self.size else math.nan

    def quantile(self, q: float) -> float:
        """Return a quantile in microseconds as the mean of its bin: exact where a bin holds one duration."""
        if not self.size:
            return math.nan
        i = int(np.searchsorted(np.cumsum(self.counts), q * self.size))
        return float(self.sums[i]) / float(self.counts[i])

    def points(self) -> tuple[list[float], list[float]]:
        """Return the distribution function at the occupied edges: seconds, and the share not above them."""
        if not self.size:
            return [], []
        cumulative = np.cumsum(self.counts)[:-1] / self.size
        occupied = np.flatnonzero(self.counts)
        first, last = max(0, int(occupied[0]) - 1), min(len(EDGES) - 1, int(occupied[-1]))
        seconds = EDGES[first : last + 1] / SECOND
        return [round(float(s), 3) for s in seconds], [
            round(float(c), 6) for c in cumulative[first : last + 1]
        ]
