"""Calibration by decile of any number of rows in bounded memory: sums over bins of the prediction."""

from __future__ import annotations

import math

import numpy as np

from simulator.evaluation.metrics import TINY
from simulator.log.schema import Float64, Int64

_MANTISSA = 52
_KEPT = 10
"""Bits of the mantissa that tell bins apart: 1,024 in each doubling, so none is wider than a thousandth."""


class Deciles:
    """Predictions and labels of rows, from which `metrics.decile_error` and `metrics.ece` over all of them can be told.

    A bin that a border between deciles falls into is shared out by rows, as if its labels were alike.
    """

    def __init__(self) -> None:
        self._first = 0
        self._sums: Float64 = np.zeros((3, 0))
        self._finite = True

    def add(self, predictions: Float64, labels: Float64) -> None:
        """Enter rows; predictions below `metrics.TINY` share the lowest bin."""
        if not np.isfinite(predictions).all():
            self._finite = False
        elif len(predictions):
            bins: Int64 = np.maximum(predictions, TINY).view(np.int64) >> (_MANTISSA - _KEPT)
            first, last = int(bins.min()), int(bins.max())
            sums = [np.bincount(bins - first, of, last - first + 1) for of in (None, predictions, labels)]
            self._put(first, np.array(sums, np.float64))

    def merge(self, other: Deciles) -> None:
        """Enter the rows of another."""
        self._finite &= other._finite
        self._put(other._first, other._sums)

    def error(self) -> float:
        """Return what `metrics.decile_error` is over all rows; NaN where it is not defined."""
        total = float(self._sums[2].sum())
        return self._off() / total if total and self._finite else math.nan

    def ece(self) -> float:
        """Return what `metrics.ece` is over all rows; NaN where it is not defined."""
        rows = float(self._sums[0].sum())
        return self._off() / rows if rows and self._finite else math.nan

    def _off(self) -> float:
        held = np.concatenate([np.zeros((3, 1)), np.cumsum(self._sums[:, self._sums[0] > 0], axis=1)], axis=1)
        edges = np.linspace(0, held[0, -1], 11).round()
        predicted, observed = (np.diff(np.interp(edges, held[0], of)) for of in held[1:])
        return float(np.abs(predicted - observed).sum())

    def _put(self, first: int, sums: Float64) -> None:
        if not self._sums.shape[1]:
            self._first, self._sums = first, sums.copy()
            return
        below = max(self._first - first, 0)
        above = max(first + sums.shape[1] - self._first - self._sums.shape[1], 0)
        if below or above:
            self._first, self._sums = self._first - below, np.pad(self._sums, ((0, 0), (below, above)))
        start = first - self._first
        self._sums[:, start : start + sums.shape[1]] += sums
