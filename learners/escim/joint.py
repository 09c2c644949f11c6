"""One model of clicks and conversions with a hidden cause, fitted as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from learners.adam import FlatAdam
from learners.dense_adam import AdamTable
from learners.escim.scm import through
from learners.history import Rows, batches
from learners.materials import Materials
from simulator.log.schema import Float64, Int32
from simulator.logistic import expit
from simulator.randomness import generator, torch_seed

HIDDEN = (128, 64)
"""Units of each of its three networks."""


class Joint:
    """q(z | x, o, r), p(r | x, o = 1, z) and, with ``edge``, p(o | x, z), by one bound on the likelihood.

    E_q[o log p(r | x, z) + log p(o | x, z)] - beta KL(q || N(0, I)), r being known of clicks alone. What nobody clicked is
    abducted: z is drawn from q(z | x, o = 0), which differs from the prior through the edge alone. Without it, z is drawn from
    its prior, clicks are all that is learnt from, and scores estimate P(r | x, clicked).
    """

    def __init__(
        self, materials: Materials, *, latent: int, edge: bool, rate: float, beta: float, draws: int
    ) -> None:
        self._latent, self._edge, self._beta, self._draws = latent, edge, beta, draws
        made = torch.Generator().manual_seed(torch_seed(materials.seed, "learners", "escim", "joint"))
        features, dim = materials.history.log.features, materials.learner.embedding_dim
        self.table = AdamTable(features, dim, rate, made)
        self.table.skip(made)
        width = len(features) * dim
        self.layers = nn.ModuleDict(
            {
                "encoder": through((width + 2, *HIDDEN, 2 * latent), made),
                "conversion": through((width + latent, *HIDDEN, 1), made),
                **({"click": through((width + latent, *HIDDEN, 1), made)} if edge else {}),
            }
        )
        self.adam = FlatAdam(self.layers, rate)
        self._rng = torch.Generator().manual_seed(
            torch_seed(materials.seed, "learners", "escim", "abduction")
        )

    def fit(self, materials: Materials, epochs: int) -> None:
        """Train on the history: with the edge on its impressions, else on its clicks."""
        for epoch in range(epochs):
            rng = generator(materials.seed, "learners", "escim", f"joint {epoch}")
            rows = self._rows(materials)
            for batch in batches(rows, materials.learner.pretrain_batch_size, rng):
                clicked, converted = batch.targets.astype(np.float64).T
                self.step(batch.features, clicked, converted)

    def _rows(self, materials: Materials) -> Iterator[Rows]:
        own = materials.history
        if self._edge:
            for shown, final in own.log.exposed(own.windows, own.start, own.end):
                yield _rows_of(shown.features, final.clicked, final.converted)
        else:
            for clicks, labels in own.log.labelled(own.windows, own.start, own.end):
                yield _rows_of(clicks.features, np.ones(len(clicks)), labels.converted)

    def step(self, features: Int32, clicked: Float64, converted: Float64) -> float:
        """Take one step; return the bound's negative per row."""
        cells = self.table.cells(features)
        values = self.table.gather(cells.rows)
        gathered = cells.pooled(values).requires_grad_()
        whole = gathered.reshape(len(clicked), -1)
        o, r = (torch.from_numpy(np.asarray(side, np.float32)) for side in (clicked, converted))
        mean, log_variance = self._encoded(whole, o, r)
        z = mean + torch.randn(mean.shape, generator=self._rng) * (log_variance / 2).exp()
        of_conversion = functional.binary_cross_entropy_with_logits(
            self._said("conversion", whole, z), r, reduction="none"
        )
        loss = (o * of_conversion).sum()
        if self._edge:
            loss = loss + functional.binary_cross_entropy_with_logits(
                self._said("click", whole, z), o, reduction="sum"
            )
        loss = loss - self._beta / 2 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
        loss = loss / len(clicked)
        loss.backward()  # type: ignore[no-untyped-call]
        self.adam.step()
        assert gathered.grad is not None
        self.table.update(cells.rows, values.detach(), cells.spread(gathered.grad))
        return float(loss.detach())

    def score(self, features: Int32, clicked: Int32, converted: Float64) -> Float64:
        """Return what a click of each would have come to, had nobody clicked it: the mean over draws of z."""
        del clicked, converted  # each row is abducted on its own
        with torch.no_grad():
            cells = self.table.cells(features)
            whole = cells.pooled(self.table.gather(cells.rows)).reshape(len(features), -1)
            none = torch.zeros(len(features))
            mean, log_variance = self._encoded(whole, none, none)
            if not self._edge:
                mean, log_variance = torch.zeros_like(mean), torch.zeros_like(log_variance)
            total = np.zeros(len(features))
            for _ in range(self._draws):
                z = mean + torch.randn(mean.shape, generator=self._rng) * (log_variance / 2).exp()
                total += expit(self._said("conversion", whole, z).double().numpy())
        return total / self._draws

    def learn(self, clicked: Int32, converted: Float64) -> None:
        """Take a step on clicks."""
        self.step(clicked, np.ones(len(converted)), converted)

    def _said(self, name: str, whole: Tensor, z: Tensor) -> Tensor:
        said: Tensor = self.layers[name](torch.cat([whole, z], dim=1)).squeeze(1)
        return said

    def _encoded(self, whole: Tensor, clicked: Tensor, converted: Tensor) -> tuple[Tensor, Tensor]:
        beside = torch.stack([clicked, clicked * converted], dim=1)
        mean, log_variance = self.layers["encoder"](torch.cat([whole, beside], dim=1)).split(
            self._latent, dim=1
        )
        return mean, log_variance

    def state_dict(self) -> dict[str, Any]:
        """Return all state, as tensors and plain values."""
        return {
            "adam": self.adam.state_dict(),
            "table": self.table.state_dict(),
            "abduction": self._rng.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.adam.load_state_dict(state["adam"])
        self.table.load_state_dict(state["table"])
        self._rng.set_state(state["abduction"])


def _rows_of(features: Int32, clicked: Any, converted: Any) -> Rows:
    targets = np.stack([clicked, converted], axis=1).astype(np.float32)
    return Rows(features, targets, np.empty((len(targets), 0), np.float32))
