"""One embedding table for all features, looked up and updated sparsely, with a published view of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from learners.cells import Lookup, grouped, put, summed, taken
from learners.published import Published
from learners.rows import PART, Below, Float32, Initial, shared
from learners.tensors import Picked
from simulator.log.schema import Feature, Int32, Int64

STANDARD_DEVIATION = 0.05
EPSILON = 1e-10


class EmbeddingTable(Lookup):
    """Rows of all features, float32; feature f's id i is row offset[f] + i.

    The columns of a feature of tags share its rows; what a click gets is the mean over its tags (`Cells`).

    Training is row-wise Adagrad: one accumulator per row holds the sum over steps of the row's mean squared
    gradient G, and a step moves the row by -rate * gradient / sqrt(G). Only rows of the batch are touched,
    whatever the vocabulary. On one core, with 2.6 million rows of 8 and 22,528 lookups a batch, looking up and moving
    takes 1.0 ms; on an ``nn.Embedding`` with sparse gradients it takes 4.2 ms with torch.optim.Adagrad (which has an
    accumulator per number, eight times the memory) and 5.1 ms with SparseAdam, with dense ones 400 ms.

    Rows lie in layers. Those that a step has moved are the table's own, in the order in which it met them, with their
    accumulators. All others are read where they lie below, in one place for all models that start alike: as pre-training
    left them, in its checkpoint on disk, or as they were drawn from the seed (`learners.rows.Below`). What there are room
    for takes memory once it is used. After `publish` the table also remembers, for own rows changed since, what they were
    (copy on write): `served` reads the published rows without a second table.

    Parameters
    ----------
    features : the log's features, in their order.
    dim : numbers per embedding.
    rate : learning rate of Adagrad.
    generator : source of the initial weights, which are drawn when they are first wanted: who draws more from it lets
        the table `skip` them.
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
        super().__init__(features)
        self.dim, self.rate, self.embeddings = dim, rate, embeddings
        self.width = embeddings * dim
        self._initial = Initial(self.count, self.width, deviation, generator.get_state())
        self._lie_over(None)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.count

    def skip(self, generator: Generator) -> None:
        """Leave the generator as drawing the initial weights leaves it."""
        self._initial.drawn_by(generator)

    def _lie_over(self, below: Below | None) -> None:
        """Begin with no own rows."""
        self._lower, self._forgot, self._whole, self._count = below, False, False, 0
        places = len(self) + 1  # place 0 is nobody's
        self._place = np.zeros(len(self), np.int32)
        self._rows = np.empty(places, np.int64)
        self._changed = Published(places, self.width)
        self._own = torch.empty(places, self.width)
        self._make_room(places)

    def _make_room(self, places: int) -> None:
        self._accumulator = torch.empty(places, self.embeddings)

    @property
    def _below(self) -> Below:
        if self._lower is None:
            first, shape = self._initial, (len(self), self.width)
            self._lower = shared(first.identity, lambda: Below(first.identity, shape, first.parts()))
        return self._lower

    @property
    def _identity(self) -> str:
        return self._initial.identity if self._lower is None else self._lower.identity

    @property
    def weight(self) -> Tensor:
        """A copy of all rows as they are now, shape (rows, embeddings * dim): for small tables, and for a look."""
        return self.gather(np.arange(len(self)))

    @property
    def accumulator(self) -> Tensor:
        """A copy of what is accumulated of each row, shape (rows, embeddings): for a look, as `weight`."""
        rows = np.arange(len(self))
        places, found = self._places(rows), self._kept("accumulator", rows)
        values = np.zeros((len(self), self.embeddings), np.float32) if found is None else found
        values[places > 0] = self._accumulator.numpy()[places[places > 0]]
        return torch.from_numpy(values)

    def _kept(self, name: str, rows: Int64) -> Float32 | None:
        """Return what the optimiser of pre-training keeps of rows, if anything still counts."""
        return None if self._forgot else self._below.kept(name, rows)

    def gather(self, rows: Int64) -> Tensor:
        """Return the training rows, shape (len(rows), embeddings * dim)."""
        return self._read(rows, self._places(rows))

    def served(self, rows: Int64) -> Tensor:
        """Return the rows as they were when last published."""
        places = self._places(rows)
        values = self._read(rows, places)
        self._changed.restore(places, values)
        return values

    def _places(self, rows: Int64) -> Int64 | Int32:
        """Return where rows are among the own ones; 0: they are not."""
        return rows + 1 if self._whole else self._place.take(rows)

    def _read(self, rows: Int64, places: Int64 | Int32, own: Tensor | None = None) -> Tensor:
        if not self._count:
            return torch.from_numpy(self._below.take(rows))
        values = (self._own if own is None else own).numpy().take(places, 0)
        away = np.flatnonzero(places == 0)
        if len(away):
            values[away] = self._below.take(rows[away])
        return torch.from_numpy(values)

    def publish(self) -> None:
        """Serve the rows as they are now."""
        self._changed.clear()

    def begin(self, rate: float, decay: float, *, fresh: bool) -> None:
        """Set the rate for the stream, with or without what pre-training accumulated."""
        self.rate = rate
        if fresh:
            self._forgot = True
            self._accumulator[: self._count + 1] = 0

    def own_all(self) -> None:
        """Make all rows the table's own, before its first step: cheaper than layers where most will move."""
        assert not self._count, "no step was taken"
        if self._lower is None:
            self._initial.fill(self._own[1:])
        else:
            self._own[1:] = self.weight
        self._accumulator.zero_()
        self._whole, self._count = True, len(self)
        self._moved = np.zeros(len(self) + 1, bool)

    def _owned(self, rows: Int64) -> Int64 | Int32:
        """Return where rows are among the own ones; those that were not are now."""
        places = self._places(rows)
        new = np.flatnonzero(places == 0)
        if len(new):
            fresh = rows[new]
            # No sort: a row's last mention stands for it (numpy keeps the last assignment).
            mark = np.arange(-1, -1 - len(new), -1, dtype=np.int32)
            self._place[fresh] = mark
            self._adopt(fresh[self._place[fresh] == mark])
            places[new] = self._place[fresh]
        return places

    def _adopt(self, rows: Int64) -> slice:
        """Copy distinct rows from below; return where they are now."""
        own = slice(self._count + 1, self._count + 1 + len(rows))
        self._place[rows] = np.arange(own.start, own.stop, dtype=np.int32)
        self._rows[own] = rows
        self._own.numpy()[own] = self._below.take(rows)
        self._count += len(rows)
        for name, values in self._moments().items():
            kept = self._kept(name, rows)
            values.numpy()[own] = 0 if kept is None else kept
        return own

    def _moments(self) -> dict[str, Tensor]:
        """Return by name what the optimiser keeps of each own row."""
        return {"accumulator": self._accumulator}

    def update(self, rows: Int64, values: Tensor, gradient: Tensor) -> None:
        """Take one Adagrad step.

        ``values`` are the training rows as gathered, ``gradient[k]`` belongs to ``rows[k]``; gradients of one
        row add up.
        """
        unique, order, begin = grouped(self._owned(rows))
        if self._whole:
            self._moved[unique] = True
        total = summed(gradient, order, begin)
        before = taken(values, order[begin])  # still in cache, which the table is not
        self._changed.remember(unique, before)
        split = total.view(-1, self.embeddings, self.dim)
        energy = taken(self._accumulator, unique).add_(split.square().mean(2))
        put(self._accumulator, unique, energy)
        step = split * (energy.sqrt_().add_(EPSILON).reciprocal_().mul_(-self.rate)).unsqueeze(2)
        put(self._own, unique, before.add_(step.view_as(before)))

    def _rows_at(self, places: Int64) -> Int64:
        return places - 1 if self._whole else self._rows[places]

    def _met(self) -> tuple[Int64, Int64]:
        """Return the rows that some step has moved, and their places."""
        places = np.flatnonzero(self._moved) if self._whole else np.arange(1, self._count + 1)
        return self._rows_at(places), places

    def moved(self) -> dict[str, Any]:
        """Return all that steps have changed of the initial rows, to be written as they are: nothing is copied."""
        assert self._lower is None or not len(self._lower.rows), "pre-training begins with initial rows"
        rows, places = self._met()
        own = {"weight": self._own, **self._moments()}
        return {
            **{name: Picked(values, places) for name, values in own.items()},
            "initial": self._initial.identity,
            "shape": [len(self), self.width],
            "rows": torch.from_numpy(rows.astype(np.int32)),
        }

    def start_from(self, moved: Mapping[str, Any], identity: str, folder: Path) -> None:
        """Lie over what `moved` has said and a file holds; ``folder`` has room for what it does not hold.

        Raises
        ------
        ValueError : it was said of another table.
        """
        self._check(moved)
        if moved["initial"] != self._initial.identity:
            raise ValueError("embeddings were drawn from another seed")
        kept = {name: moved[name].numpy() for name in ("weight", *self._moments())}
        shape = (len(self), self.width)
        parts, rows = self._own_parts if self._whole else self._initial.parts, moved["rows"].numpy()
        self._lie_over(shared(identity, lambda: Below(identity, shape, parts(), rows, kept, folder)))

    def _own_parts(self) -> Iterator[tuple[int, Float32]]:
        for begin in range(0, len(self), PART):
            yield begin, self._own[1 + begin : 1 + begin + PART].numpy()

    def lie_over(self, other: EmbeddingTable) -> None:
        """Lie over the same rows as another table, without its own ones."""
        self._initial = other._initial
        self._lie_over(other._lower)

    def _check(self, state: Mapping[str, Any]) -> None:
        if state["shape"] != [len(self), self.width]:
            raise ValueError(f"embeddings have shape {tuple(state['shape'])}, not {(len(self), self.width)}")

    def state_dict(self) -> dict[str, Any]:
        """Return copies of own rows, what the optimiser keeps of them, and the published values of those changed since."""
        rows, places = self._met()
        index, changed = torch.from_numpy(places), self._changed.state_dict()
        own = {"weight": self._own, **self._moments()}
        return {
            **{name: values.index_select(0, index) for name, values in own.items()},
            "below": self._identity,
            "shape": [len(self), self.width],
            "rows": torch.from_numpy(rows),
            "forgot": self._forgot,
            "changed": {**changed, "rows": torch.from_numpy(self._rows_at(changed.pop("places").numpy()))},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises
        ------
        ValueError : other rows lie below than did then, or it is the state of another table.
        """
        self._check(state)
        if state["below"] != self._identity:
            raise ValueError("embeddings start from another pre-training than they did")
        self._lie_over(self._lower)
        self._forgot = bool(state["forgot"])
        own = self._adopt(state["rows"].numpy())
        for name, values in {"weight": self._own, **self._moments()}.items():
            values[own] = state[name]
        changed = {**state["changed"]}
        self._changed.load_state_dict(
            changed | {"places": torch.from_numpy(self._places(changed.pop("rows").numpy()).astype(np.int64))}
        )
