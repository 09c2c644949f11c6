"""Sums by id over a stream: users and items of a log, as many as there are, held once each."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64, Int64

_LOOSE_ROWS = 500_000


class Tally:
    """Running sums of several columns by an integer key. Memory: one row per distinct key."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._parts: list[tuple[Int64, Float64]] = []
        self._loose = 0
        self._held = 0

    def add(self, key: Int64, values: Float64) -> None:
        """Add ``values``, shape (columns, n), to the sums of ``key``, shape (n,)."""
        if not len(key):
            return
        self._parts.append(_summed(key, values))
        self._loose += len(self._parts[-1][0])
        if self._loose > max(_LOOSE_ROWS, 2 * self._held):
            self._compact()

    def sums(self) -> tuple[Int64, Float64]:
        """Return the keys in ascending order, and their sums, shape (columns, keys)."""
        self._compact()
        if not self._parts:
            return np.empty(0, np.int64), np.empty((self._columns, 0))
        return self._parts[0]

    def _compact(self) -> None:
        if len(self._parts) > 1:
            keys, values = zip(*self._parts, strict=True)
            self._parts = [_summed(np.concatenate(keys), np.concatenate(values, axis=1))]
        self._loose = 0
        self._held = len(self._parts[0][0]) if self._parts else 0


def _summed(key: Int64, values: Float64) -> tuple[Int64, Float64]:
    distinct, index = np.unique(key, return_inverse=True)
    sums: Float64 = np.stack(
        [np.bincount(index, column, len(distinct)).astype(np.float64) for column in values]
    )
    return distinct, sums
