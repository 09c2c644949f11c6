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

    def without(self, part: Tally) -> Tally:
        """Return the sums less those of a part of the rows; a key whose first column falls to 0 by that is gone."""
        (keys, sums), (taken, less) = self.sums(), part.sums()
        sums, at = sums.copy(), np.searchsorted(keys, taken)
        sums[:, at] -= less
        keep = np.ones(len(keys), bool)
        keep[at] = sums[0, at] > 0
        rest = Tally(self._columns)
        rest.add(keys[keep], sums[:, keep])
        return rest

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
