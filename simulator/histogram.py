"""Counts of values of 0 or more, without keeping the values: quantiles, distribution, mean and tail.

Exact while the distinct values are few (days, list prices: most logs have atoms); in bins one per cent wide beyond that,
and then still exact at 0 and at the thresholds that are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from simulator.log.schema import Bool, Float64, Int64

BINS_PER_OCTAVE = 64
"""Width of a bin: a factor 2^(1/64), 1.09 %."""
MOST_DISTINCT = 20_000
"""Distinct values up to which they are kept as they are (320 kB with two groups)."""


class LogHistogram:
    """Counts by group in bins of equal ratio, from ``2^low`` to ``2^high``; what lies outside goes to the ends.

    ``counts`` has shape (groups, bins). ``thresholds`` are values at which shares are exact in any case; 0 is one.
    """

    def __init__(self, groups: int, low: int, high: int, thresholds: Sequence[float] | Float64 = ()) -> None:
        self.groups, self.low, self.high = groups, low, high
        self.bins = (high - low) * BINS_PER_OCTAVE
        self.counts: Int64 = np.zeros((groups, self.bins), np.int64)
        self.sums: Float64 = np.zeros(groups)
        """Sum of the values by group."""
        self.thresholds: Float64 = np.unique(np.array([0.0, *thresholds], np.float64))
        self.reached: Int64 = np.zeros((groups, len(self.thresholds)), np.int64)
        """How many values are at or below each threshold, by group."""
        self.values: Float64 | None = np.empty(0)
        """The distinct values, ascending; None once there were too many."""
        self.tally: Int64 = np.zeros((groups, 0), np.int64)
        """How often each of them came, by group."""

    def add(self, group: Int64 | int, values: Float64 | Int64) -> None:
        """Count values, each in its group (or all in one)."""
        if not len(values):
            return
        group = np.broadcast_to(np.asarray(group, np.int64), len(values))
        values = np.asarray(values, np.float64)
        at = (np.log2(np.maximum(values, 2.0**self.low)) - self.low) * BINS_PER_OCTAVE
        flat = group * self.bins + np.minimum(at.astype(np.int64), self.bins - 1)
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)
        self.sums += np.bincount(group, values, self.groups)
        first = np.searchsorted(self.thresholds, values, side="left")
        width = len(self.thresholds) + 1  # the last is for values above all thresholds
        below = np.bincount(group * width + first, minlength=self.groups * width).reshape(self.groups, width)
        self.reached += below.cumsum(1)[:, :-1]
        self._keep(group, values)

    def _keep(self, group: Int64, values: Float64) -> None:
        if self.values is None:
            return
        fresh, index = np.unique(values, return_inverse=True)
        known = np.union1d(self.values, fresh)
        if len(known) > MOST_DISTINCT:
            self.values, self.tally = None, np.zeros((self.groups, 0), np.int64)
            return
        tally = np.zeros((self.groups, len(known)), np.int64)
        tally[:, np.searchsorted(known, self.values)] = self.tally
        np.add.at(tally, (group, np.searchsorted(known, fresh)[index]), 1)
        self.values, self.tally = known, tally

    def without(self, part: LogHistogram) -> LogHistogram:
        """Return the counts less those of a part of the values, counted in the same way."""
        rest = copy(self)
        rest.counts, rest.sums, rest.reached = (
            self.counts - part.counts,
            self.sums - part.sums,
            self.reached - part.reached,
        )
        if self.values is not None and part.values is not None:
            rest.tally = self.tally.copy()
            rest.tally[:, np.searchsorted(self.values, part.values)] -= part.tally
        return rest

    def edges(self) -> Float64:
        """Return the bins' edges, one more than there are bins."""
        exponent = self.low + np.arange(self.bins + 1) / BINS_PER_OCTAVE
        result: Float64 = 2.0**exponent
        return result

    def of(self, *groups: int) -> Distribution:
        """Return the distribution of the values of some groups together; of all groups if none is named."""
        chosen = np.zeros(self.groups, bool)
        chosen[list(groups) if groups else slice(None)] = True
        return Distribution(self, chosen)


class Distribution:
    """The values of some groups of a histogram. All answers are None where there are no values."""

    def __init__(self, histogram: LogHistogram, groups: Bool) -> None:
        self.counts: Int64 = histogram.counts[groups].sum(0)
        self.total = int(self.counts.sum())
        self._sum = float(histogram.sums[groups].sum())
        places, reached = histogram.thresholds, histogram.reached[groups].sum(0)
        if histogram.values is not None:
            self.exact = True
            places, reached = histogram.values, histogram.tally[groups].sum(0).cumsum()
        else:
            self.exact = False
            # Between the thresholds, the bins' edges; what a threshold knows bounds what bins say on its sides.
            edges, whole = histogram.edges()[1:], np.cumsum(self.counts)
            near = np.searchsorted(places, edges, side="right")
            low = np.where(near > 0, reached[near - 1], 0)
            high = np.append(reached, self.total)[near]
            free = ~np.isin(edges, places)
            order = np.argsort(np.concatenate([places, edges[free]]), kind="stable")
            reached = np.concatenate([reached, np.clip(whole, low, high)[free]])[order]
            places = np.concatenate([places, edges[free]])[order]
            reached[-1] = self.total  # values beyond the last place were counted in the last bin
        self._places: Float64 = places
        self._reached: Int64 = reached
        """How many values are at or below each place, ascending."""

    def mean(self) -> float | None:
        """Return the exact mean."""
        return self._sum / self.total if self.total else None

    def quantile(self, q: float) -> float | None:
        """Return the smallest value at or below which a share ``q`` of the values lies; between places by ratio."""
        if not self.total:
            return None
        wanted = min(max(q * self.total * (1 - 1e-12), 0.5), float(self.total))
        at = int(np.searchsorted(self._reached, wanted, side="left"))
        place = float(self._places[at])
        if self.exact or not at or place <= 0.0:
            return place
        under, before = float(self._places[at - 1]), int(self._reached[at - 1])
        under = max(under, place * 2.0 ** (-1 / BINS_PER_OCTAVE))  # the first bin above 0 has no ratio to 0
        inside = (wanted - before) / (int(self._reached[at]) - before)
        return float(under * (place / under) ** inside)

    def share(self, value: float) -> float | None:
        """Return the share of values at or below ``value``; exact at thresholds."""
        if not self.total:
            return None
        at = int(np.searchsorted(self._places, value, side="right"))
        if not at:
            return 0.0
        reached = float(self._reached[at - 1])
        under = float(self._places[at - 1])
        if not self.exact and at < len(self._places) and value > under > 0.0:
            inside = np.log(value / under) / np.log(float(self._places[at]) / under)
            reached += float(inside) * (int(self._reached[at]) - reached)
        return reached / self.total


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
