"""The embedding table under dense Adam: rows that a batch does not hold go on moving by their momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from learners.embedding import EmbeddingTable
from simulator.log.schema import Int64


class AdamTable(EmbeddingTable):
    """Adam (with decoupled weight decay: AdamW) over the whole table, as torch has it for dense gradients.

    A row that no batch has held has no moments, so Adam leaves it where it is: only the rows met so far are kept in
    motion, which changes no number. All of them move at every step, so a step costs a few passes over as many rows as
    there have been, not over the rows of its batch: at a million rows of 32 numbers, about a third of a second. With weight
    decay untouched rows shrink as well, and every row counts as met.
    """

    BETAS, EPSILON = (0.9, 0.999), 1e-8
    decay = 0.0

    def _forget(self) -> None:
        self._slot = np.full(len(self.weight), -1, np.int32)
        self.steps = 0
        self._met = torch.empty(0, dtype=torch.int64)
        self._pools = torch.zeros(3, 0, self.weight.shape[1])
        self._scratch = torch.empty(0, self.weight.shape[1])

    def _view(self) -> Tensor:
        """Return mean, square and published values of the rows met, in the order of `_met`, shape (3, met, width)."""
        return self._pools[:, : len(self._met)]

    def begin(self, rate: float, decay: float, *, fresh: bool) -> None:
        """Set rate and weight decay for the stream, with or without the moments of pre-training."""
        self.rate, self.decay = rate, decay
        if fresh:
            self._forget()
        if decay:
            self._meet(np.flatnonzero(self._slot < 0))

    def _meet(self, rows: Int64) -> None:
        """Keep rows that are new in motion from now on; what is published of them is what they are."""
        if not len(rows):
            return
        self._slot[rows] = np.arange(len(self._met), len(self._met) + len(rows), dtype=np.int32)
        index, before = torch.from_numpy(rows), len(self._met)
        self._met = torch.cat([self._met, index])
        held = self._pools.shape[1]
        if len(self._met) > held:
            more = min(max(len(self._met), 2 * held), len(self.weight)) - held
            self._pools = torch.cat([self._pools, self._pools.new_zeros(3, more, self._pools.shape[2])], 1)
            self._scratch = torch.empty_like(self._pools[0])
        self._view()[2, before:] = self.weight.index_select(0, index)

    def update(self, rows: Int64, values: Tensor, gradient: Tensor) -> None:
        """Take one step of Adam; ``gradient[k]`` belongs to ``rows[k]``, gradients of one row add up."""
        chosen, inverse = self._unique(rows)
        unique = rows[chosen]
        self._meet(unique[self._slot[unique] < 0])
        total = gradient.new_zeros(len(unique), self.weight.shape[1])
        total.index_add_(0, torch.from_numpy(inverse), gradient)
        place = torch.from_numpy(self._slot[unique].astype(np.int64))
        self.steps += 1
        first, second = self.BETAS
        mean, square, _ = self._view()
        mean.mul_(first).index_add_(0, place, total, alpha=1 - first)
        square.mul_(second).index_add_(0, place, total.square(), alpha=1 - second)
        scratch = self._scratch[: len(self._met)]
        torch.sqrt(square, out=scratch)
        scratch.div_((1 - second**self.steps) ** 0.5).add_(self.EPSILON)
        torch.div(mean, scratch, out=scratch)
        if self.decay:
            self.weight.mul_(1 - self.rate * self.decay)
        self.weight.index_add_(0, self._met, scratch, alpha=-self.rate / (1 - first**self.steps))

    def publish(self) -> None:
        """Serve the rows as they are now."""
        torch.index_select(self.weight, 0, self._met, out=self._view()[2])

    def served(self, rows: Int64) -> Tensor:
        """Return the rows as they were when last published."""
        values = self.gather(rows)
        place = self._slot[rows]
        hit = np.flatnonzero(place >= 0)
        old = self._view()[2].index_select(0, torch.from_numpy(place[hit].astype(np.int64)))
        return values.index_copy_(0, torch.from_numpy(hit), old)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of weights, of which rows are met, of their moments and of what is published of them."""
        own = {"weight": self.weight, "met": self._met, "pools": self._view()}
        return {"steps": self.steps, **{name: tensor.clone() for name, tensor in own.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        if state["weight"].shape != self.weight.shape:
            told = (
                f"embedding weight has shape {tuple(state['weight'].shape)}, not {tuple(self.weight.shape)}"
            )
            raise ValueError(told)
        self.weight.copy_(state["weight"])
        self.steps = int(state["steps"])
        self._met, self._pools = state["met"].clone(), state["pools"].clone()
        self._scratch = torch.empty_like(self._pools[0])
        self._slot.fill(-1)
        self._slot[self._met.numpy()] = np.arange(len(self._met), dtype=np.int32)
