"""One embedding table for all features, looked up and updated sparsely, with a published view of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from simulator.errors import LogError
from simulator.log.schema import Feature, Int32, Int64, column_slices

STANDARD_DEVIATION = 0.05
EPSILON = 1e-10


class EmbeddingTable:
    """Rows of all features in one float32 matrix; feature f's id i is row offset[f] + i.

    The columns of a feature of tags share its rows; what a click gets is the mean over its tags (`Cells`).

    Training is row-wise Adagrad: one accumulator per row holds the sum over steps of the row's mean squared
    gradient G, and a step moves the row by -rate * gradient / sqrt(G). Only rows of the batch are touched,
    whatever the vocabulary. On one core, with 2.6 million rows of 8 and 22,528 lookups a batch, looking up and moving
    takes 1.0 ms; on an ``nn.Embedding`` with sparse gradients it takes 4.2 ms with torch.optim.Adagrad (which has an
    accumulator per number, eight times the memory) and 5.1 ms with SparseAdam, with dense ones 400 ms.

    After `publish` the table also remembers, for rows changed since, what they were (copy on write):
    `served` reads the published rows without a second table.

    Parameters
    ----------
    features : the log's features, in their order.
    dim : numbers per embedding.
    rate : learning rate of Adagrad.
    generator : source of the initial weights.
    embeddings : embeddings per row, each with an accumulator of its own.
    deviation : standard deviation of the initial weights; their mean is 0.
    """

    def __init__(
        self,
        features: Sequence[Feature],
        dim: int,
        rate: float,
        generator: Generator,
        embeddings: int = 1,
        deviation: float = STANDARD_DEVIATION,
    ) -> None:
        self.features = tuple(features)
        self.dim, self.rate, self.embeddings = dim, rate, embeddings
        cardinalities = np.array([f.cardinality for f in features], np.int64)
        widths = [f.width for f in features]
        self._tags = any(f.tags for f in features)
        self._feature_of = np.repeat(np.arange(len(features)), widths)
        # One more id in columns of tags: -1, no further tag.
        self._shift = np.repeat(np.array([f.tags for f in features], np.int32), widths)
        self._limits = np.repeat(cardinalities, widths).astype(np.uint32) + self._shift.astype(np.uint32)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(cardinalities)[:-1]])[: len(features)]
        self._offsets = np.repeat(offsets, widths)
        rows = int(cardinalities.sum())
        self.weight = torch.empty(rows, embeddings * dim).normal_(0, deviation, generator=generator)
        self._position = np.zeros(rows, np.int32)
        self._changed = _Changed(rows, embeddings * dim)
        self._forget()

    def _forget(self) -> None:
        """Begin without anything accumulated."""
        self.accumulator = torch.zeros(len(self.weight), self.embeddings)

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
        there = np.flatnonzero(ids.ravel() >= 0)
        click, column = np.divmod(there, ids.shape[1])
        entry = click * len(self.features) + self._feature_of[column]
        entries = len(ids) * len(self.features)
        count = np.bincount(entry, minlength=entries)
        rows = np.add(ids, self._offsets).ravel()[there]
        share = torch.from_numpy((1 / count[entry]).astype(np.float32)).unsqueeze(1)
        return Cells(rows, torch.from_numpy(np.cumsum(count) - count), torch.from_numpy(entry), share)

    def _refuse(self, ids: Int32, shifted: Int32) -> None:
        row, column = np.argwhere(shifted.view(np.uint32) >= self._limits)[0]
        feature = self.features[self._feature_of[column]]
        least = "-1 (no tag), 0" if feature.tags else "0"
        raise LogError(
            f"feature {feature.name!r} holds id {ids[row, column]}; allowed: {least} to {feature.cardinality - 1}"
        )

    def gather(self, rows: Int64) -> Tensor:
        """Return the training rows, shape (len(rows), embeddings * dim)."""
        return taken(self.weight, rows)

    def served(self, rows: Int64) -> Tensor:
        """Return the rows as they were when last published."""
        values = self.gather(rows)
        self._changed.restore(rows, values)
        return values

    def publish(self) -> None:
        """Serve the rows as they are now."""
        self._changed.clear()

    def begin(self, rate: float, decay: float, *, fresh: bool) -> None:
        """Set the rate for the stream, with or without what pre-training accumulated."""
        self.rate = rate
        if fresh:
            self._forget()

    def update(self, rows: Int64, values: Tensor, gradient: Tensor) -> None:
        """Take one Adagrad step.

        ``values`` are the training rows as gathered, ``gradient[k]`` belongs to ``rows[k]``; gradients of one
        row add up.
        """
        chosen, inverse = self._unique(rows)
        unique = rows[chosen]
        index = torch.from_numpy(unique)
        total = summed(gradient, *_grouped(inverse, len(unique)))
        before = taken(values, chosen)  # still in cache, which the table is not
        self._changed.remember(unique, before)
        split = total.view(-1, self.embeddings, self.dim)
        energy = self.accumulator.index_select(0, index).add_(split.square().mean(2))
        self.accumulator.index_copy_(0, index, energy)
        step = split * (energy.sqrt_().add_(EPSILON).reciprocal_().mul_(-self.rate)).unsqueeze(2)
        self.weight.index_copy_(0, index, before.add_(step.view_as(before)))

    def _unique(self, rows: Int64) -> tuple[Int64, Int64]:
        """Return a position for each distinct row, and for each entry which of them is its row's."""
        # No sort: a row's last position in the batch stands for it (numpy keeps the last assignment).
        positions = np.arange(len(rows), dtype=np.int32)
        self._position[rows] = positions
        last = self._position[rows]
        stands = last == positions
        return np.flatnonzero(stands), (np.cumsum(stands) - 1)[last]

    def state_dict(self) -> dict[str, Any]:
        """Return copies of weights, accumulators and the published values of rows changed since."""
        changed = {f"changed.{k}": v for k, v in self._changed.state_dict().items()}
        return {"weight": self.weight.clone(), "accumulator": self.accumulator.clone(), **changed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        for name in ("weight", "accumulator"):
            own: Tensor = getattr(self, name)
            if state[name].shape != own.shape:
                raise ValueError(
                    f"embedding {name} has shape {tuple(state[name].shape)}, not {tuple(own.shape)}"
                )
            own.copy_(state[name])
        self._changed.load_state_dict({key: state[f"changed.{key}"] for key in ("on", "rows", "values")})


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
        return summed(values * self.share, torch.arange(len(values)), self.begin)

    def spread(self, gradient: Tensor) -> Tensor:
        """Return the gradient of each row, given that of the entries."""
        if self.entry is None or self.share is None:
            return gradient
        return taken(gradient, self.entry.numpy()).mul_(self.share)


def taken(values: Tensor, rows: Int64) -> Tensor:
    """Return some rows: numpy takes half the time of index_select."""
    return torch.from_numpy(values.numpy().take(rows, 0))


def summed(values: Tensor, order: Tensor, begin: Tensor) -> Tensor:
    """Return the sums of ``values[order[begin[k] : begin[k + 1]]]``, in that order: what index_add_ gives, at a third of the
    time.
    """
    return functional.embedding_bag(order, values, begin, mode="sum")


def _grouped(inverse: Int64, count: int) -> tuple[Tensor, Tensor]:
    """Return the places of 0, of 1, ... in ``inverse``, and where those of each begin."""
    few = count <= np.iinfo(np.uint16).max + 1  # numpy sorts those by their digits, in a tenth of the time
    order = np.argsort(inverse.astype(np.uint16) if few else inverse, kind="stable")
    often = np.bincount(inverse, minlength=count)
    return torch.from_numpy(order), torch.from_numpy(np.cumsum(often) - often)


class _Changed:
    """Published values of the rows that training has changed since."""

    def __init__(self, rows: int, width: int) -> None:
        self._slot = np.full(rows, -1, np.int32)
        self._rows = np.empty(0, np.int64)
        self._values = torch.empty(0, width)
        self._count = 0
        self._on = False

    def clear(self) -> None:
        self._slot[self._rows[: self._count]] = -1
        self._count = 0
        self._on = True

    def remember(self, rows: Int64, values: Tensor) -> None:
        if not self._on:  # nothing was published yet: pre-training needs no memory of the past
            return
        fresh = np.flatnonzero(self._slot[rows] < 0)
        count = self._count + len(fresh)
        if count > len(self._rows):
            self._grow(count)
        self._slot[rows[fresh]] = np.arange(self._count, count, dtype=np.int32)
        self._rows[self._count : count] = rows[fresh]
        torch.index_select(values, 0, torch.from_numpy(fresh), out=self._values[self._count : count])
        self._count = count

    def _grow(self, count: int) -> None:
        capacity = min(max(count, 2 * len(self._rows)), len(self._slot))
        self._rows = np.concatenate([self._rows, np.empty(capacity - len(self._rows), np.int64)])
        self._values = torch.cat(
            [self._values, torch.empty(capacity - len(self._values), self._values.shape[1])]
        )

    def restore(self, rows: Int64, values: Tensor) -> None:
        if not self._count:
            return
        slots = self._slot[rows]
        hit = np.flatnonzero(slots >= 0)
        old = self._values.index_select(0, torch.from_numpy(slots[hit].astype(np.int64)))
        values.index_copy_(0, torch.from_numpy(hit), old)

    def state_dict(self) -> dict[str, Any]:
        rows = torch.from_numpy(self._rows[: self._count].copy())
        return {"on": self._on, "rows": rows, "values": self._values[: self._count].clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.clear()
        self._rows = state["rows"].numpy().copy()
        self._values = state["values"].clone()
        self._count = len(self._rows)
        self._slot[self._rows] = np.arange(self._count, dtype=np.int32)
        self._on = bool(state["on"])
