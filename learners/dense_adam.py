"""The embedding table under dense Adam: rows that a batch does not hold go on moving by their momentum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from learners.cells import grouped, summed
from learners.embedding import EmbeddingTable
from simulator.log.schema import Int64


class AdamTable(EmbeddingTable):
    """Adam (with decoupled weight decay: AdamW) over the whole table, as torch has it for dense gradients.

    A row that no batch has held has no moments, so Adam leaves it where it is: only the rows met so far are kept in
    motion, which changes no number. They are the table's own rows, with two moments each; those of pre-training go on
    moving from the first step on, unless their moments are forgotten. All of them move at every step, so a step costs a few
    passes over as many rows as there have been, not over the rows of its batch: at a million rows of 32 numbers, about a
    third of a second. With weight decay untouched rows shrink as well, and every row is met.
    """

    BETAS, EPSILON = (0.9, 0.999), 1e-8
    decay = 0.0
    steps = 0

    def _make_room(self, places: int) -> None:
        self._mean, self._square, self._published, self._scratch = (
            torch.empty(places, self.width) for _ in range(4)
        )
        for each in (self._own, self._mean, self._square):
            each[0] = 0  # it is nobody's, but moves with the others

    def _moments(self) -> dict[str, Tensor]:
        return {"mean": self._mean, "square": self._square}

    def begin(self, rate: float, decay: float, *, fresh: bool) -> None:
        """Set rate and weight decay for the stream, with or without the moments of pre-training."""
        self.rate, self.decay = rate, decay
        if fresh:
            self._forgot, self.steps = True, 0
            self._mean[: self._count + 1] = 0
            self._square[: self._count + 1] = 0
        if decay:
            self._owned(np.arange(len(self)))

    def own_all(self) -> None:
        """Change nothing: a row that is met needs more room than one that is not, and time at every step."""

    def _adopt(self, rows: Int64) -> slice:
        own = super()._adopt(rows)
        self._published[own] = self._own[own]
        return own

    def update(self, rows: Int64, values: Tensor, gradient: Tensor) -> None:
        """Take one step of Adam; ``gradient[k]`` belongs to ``rows[k]``, gradients of one row add up."""
        if not self._forgot and self._count < len(self._below.rows):  # what pre-training moved has momentum
            self._owned(self._below.rows.astype(np.int64))
        unique, order, begin = grouped(self._owned(rows))
        place, total = torch.from_numpy(unique), summed(gradient, order, begin)
        self.steps += 1
        first, second = self.BETAS
        weight, mean, square, scratch = (
            each[: self._count + 1] for each in (self._own, self._mean, self._square, self._scratch)
        )
        mean.mul_(first).index_add_(0, place, total, alpha=1 - first)
        square.mul_(second).index_add_(0, place, total.square(), alpha=1 - second)
        torch.sqrt(square, out=scratch)
        scratch.div_((1 - second**self.steps) ** 0.5).add_(self.EPSILON)
        torch.div(mean, scratch, out=scratch)
        if self.decay:
            weight.mul_(1 - self.rate * self.decay)
        weight.add_(scratch, alpha=-self.rate / (1 - first**self.steps))

    def publish(self) -> None:
        """Serve the rows as they are now."""
        own = slice(self._count + 1)
        self._published[own] = self._own[own]

    def served(self, rows: Int64) -> Tensor:
        """Return the rows as they were when last published."""
        return self._read(rows, self._places(rows), self._published)

    def moved(self) -> dict[str, Any]:
        """Return all that steps have changed of the initial rows, and how many there were."""
        return {**super().moved(), "steps": self.steps}

    def start_from(self, moved: Mapping[str, Any], identity: str, folder: Path) -> None:
        """Lie over what `moved` has said."""
        super().start_from(moved, identity, folder)
        self.steps = int(moved["steps"])

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the rows met, of their moments and of what is published of them."""
        published = self._published[1 : self._count + 1].clone()
        return {**super().state_dict(), "steps": self.steps, "published": published}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self.steps = int(state["steps"])
        self._published[1 : self._count + 1] = state["published"]
