"""From feature values to rows of a table, and from rows to the entries of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from simulator.errors import LogError
from simulator.log.schema import Feature, Int32, Int64, column_slices


class Lookup:
    """From the ids of features to rows of one table: feature f's id i is row offset[f] + i, and tags share those of theirs.

    Parameters
    ----------
    features : the log's features, in their order.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = tuple(features)
        cardinalities = np.array([f.cardinality for f in features], np.int64)
        widths = [f.width for f in features]
        self.count = int(cardinalities.sum())
        self._tags = any(f.tags for f in features)
        self._feature_of = np.repeat(np.arange(len(features)), widths)
        self._begins = np.cumsum([0, *widths[:-1]])
        # One more id in columns of tags: -1, no further tag.
        self._shift = np.repeat(np.array([f.tags for f in features], np.int32), widths)
        self._limits = np.repeat(cardinalities, widths).astype(np.uint32) + self._shift.astype(np.uint32)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(cardinalities)[:-1]])[: len(features)]
        self._offsets = np.repeat(offsets, widths)

    def rows(self, features: Int32) -> Int64:
        """Return the rows of `cells`."""
        return self.cells(features).rows

    def cells(self, features: Int32) -> Cells:
        """Return the row of every feature value, flat: entry n * F + f is that of click n and feature f; with tags, the
        rows of those that are there, and which entry each belongs to.

        Raises
        ------
        LogError : another number of columns, or an id outside its feature's cardinality.
        """
        if features.ndim != 2 or features.shape[1] != len(self._limits):
            raise LogError(f"features have shape {features.shape}; allowed: (clicks, {len(self._limits)})")
        ids = np.ascontiguousarray(features, np.int32)
        # As unsigned numbers, negative ids are huge: one comparison finds both faults.
        shifted = ids + self._shift if self._tags else ids
        if (shifted.view(np.uint32) >= self._limits).any():
            self._refuse(ids, shifted)
        if not self._tags:
            return Cells(np.add(ids, self._offsets).ravel())
        return self._cells_of_tags(ids)

    def _cells_of_tags(self, ids: Int32) -> Cells:
        # Tags in the order of their ids: the last bit of a sum then does not depend on the order they are told in.
        ids = ids.copy()
        for feature, part in zip(self.features, column_slices(self.features), strict=True):
            if feature.width > 1:
                ids[:, part] = np.sort(ids[:, part], axis=1)
        there = ids >= 0
        # Positions once, no division, and shares by entry: half the time of what is shorter.
        position = np.flatnonzero(there)
        rows = np.add(ids, self._offsets).ravel().take(position)
        entries = np.arange(len(ids) * len(self.features)).reshape(len(ids), -1)
        entry = entries.take(self._feature_of, 1).ravel().take(position)
        count = np.add.reduceat(there, self._begins, axis=1, dtype=np.int64).ravel()
        shares = (1 / np.maximum(count, 1)).astype(np.float32)
        share = torch.from_numpy(shares.take(entry)).unsqueeze(1)
        return Cells(rows, torch.from_numpy(np.cumsum(count) - count), torch.from_numpy(entry), share)

    def _refuse(self, ids: Int32, shifted: Int32) -> None:
        row, column = np.argwhere(shifted.view(np.uint32) >= self._limits)[0]
        feature = self.features[self._feature_of[column]]
        least = "-1 (no tag), 0" if feature.tags else "0"
        raise LogError(
            f"feature {feature.name!r} holds id {ids[row, column]}; allowed: {least} to {feature.cardinality - 1}"
        )


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows of a batch's feature values, and how they make its entries, one a click and feature.

    Without tags every entry is one row. With tags an entry is the mean of its rows, or zero where it has none.

    Parameters
    ----------
    rows : of the table, one entry's after the other's.
    begin : the first row of each entry (clicks times features); None: one each, in their order.
    entry : which one each row belongs to.
    share : one over the number of rows of its entry, shape (len(rows), 1).
    """

    rows: Int64
    begin: Tensor | None = None
    entry: Tensor | None = None
    share: Tensor | None = None

    def pooled(self, values: Tensor) -> Tensor:
        """Return the entries, shape (entries, width), of the values of the rows."""
        if self.begin is None or self.share is None:
            return values
        return summed(values * self.share, np.arange(len(values)), self.begin.numpy())

    def spread(self, gradient: Tensor) -> Tensor:
        """Return the gradient of each row, given that of the entries."""
        if self.entry is None or self.share is None:
            return gradient
        return taken(gradient, self.entry.numpy()).mul_(self.share)


def taken(values: Tensor, rows: Int64 | Int32) -> Tensor:
    """Return some rows: numpy takes half the time of index_select."""
    return torch.from_numpy(values.numpy().take(rows, 0))


def summed(values: Tensor, order: Int64, begin: Int64) -> Tensor:
    """Return the sums of ``values[order[begin[k] : begin[k + 1]]]``, in that order: what index_add_ gives, at a third of the
    time.
    """
    return functional.embedding_bag(torch.from_numpy(order), values, torch.from_numpy(begin), mode="sum")


def put(values: Tensor, rows: Int64, new: Tensor) -> None:
    """Set some rows, each in one piece: index_copy_ takes three times as long."""
    piece = np.dtype((np.void, values.shape[1] * values.itemsize))
    values.numpy().view(piece)[rows] = new.numpy().view(piece)


def grouped(places: Int64 | Int32) -> tuple[Int64, Int64, Int64]:
    """Return the distinct places in their order, the entries of each one behind the other's, and where those of each begin.

    Entries of one place keep their order. One sort of whole numbers takes half the time of finding what is distinct without
    one and sorting by that.
    """
    digits = len(places).bit_length()
    keys = places.astype(np.int64) << digits | np.arange(len(places))
    keys.sort()
    entries = keys & (1 << digits) - 1
    keys >>= digits
    begin = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[begin], entries, begin
