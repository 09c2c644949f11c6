"""Counts of positive values in bins one per cent wide: quantiles, distribution and tail without keeping the values."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64, Int64

BINS_PER_OCTAVE = 64
"""Width of a bin: a factor 2^(1/64), 1.09 %."""


class LogHistogram:
    """Counts by group in bins of equal ratio, from ``2^low`` to ``2^high``; what lies outside goes to the ends.

    ``counts`` has shape (groups, bins). Quantiles and shares interpolate inside a bin, on the log axis.
    """

    def __init__(self, groups: int, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.bins = (high - low) * BINS_PER_OCTAVE
        self.counts: Int64 = np.zeros((groups, self.bins), np.int64)

    def add(self, group: Int64, values: Float64 | Int64) -> None:
        """Count values, each in its group."""
        at = (np.log2(np.maximum(values, 2.0**self.low)) - self.low) * BINS_PER_OCTAVE
        flat = group * self.bins + np.minimum(at.astype(np.int64), self.bins - 1)
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)

    def edges(self) -> Float64:
        """Return the bins' edges, one more than there are bins."""
        exponent = self.low + np.arange(self.bins + 1) / BINS_PER_OCTAVE
        result: Float64 = 2.0**exponent
        return result


def quantile(histogram: LogHistogram, counts: Int64, q: float) -> float | None:
    """Return the value below which a share ``q`` of the counts lies; None of none."""
    total = int(counts.sum())
    if not total:
        return None
    reached = np.concatenate([[0], np.cumsum(counts)]) / total
    at = int(np.searchsorted(reached, q, side="left"))
    at = min(max(at, 1), len(counts))
    inside = (q - reached[at - 1]) / max(reached[at] - reached[at - 1], 1e-300)
    return float(2.0 ** (histogram.low + (at - 1 + min(max(inside, 0.0), 1.0)) / BINS_PER_OCTAVE))


def share_below(histogram: LogHistogram, counts: Int64, value: float) -> float | None:
    """Return the share of counts at or below ``value``; None of none."""
    total = int(counts.sum())
    if not total:
        return None
    reached = np.concatenate([[0], np.cumsum(counts)]) / total
    place = (np.log2(max(value, 2.0**histogram.low)) - histogram.low) * BINS_PER_OCTAVE
    return float(np.interp(place, np.arange(len(reached)), reached))


def tail_index(counts: Int64, share: float) -> float | None:
    """Return Hill's tail index of the largest ``share`` of the values (Hill 1975); None where they are too few."""
    taken = share * counts.sum()
    above = np.cumsum(counts[::-1])[::-1]
    first = int(np.searchsorted(-above, -taken, side="right"))
    if taken < 20 or first >= len(counts) or not above[first]:
        return None
    steps = np.arange(first, len(counts)) - first + 0.5
    mean = float((counts[first:] * steps).sum() / above[first]) * np.log(2) / BINS_PER_OCTAVE
    return 1.0 / mean if mean > 0 else None
