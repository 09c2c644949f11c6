"""The two models that ESCIM fits on clicks before it labels what nobody clicked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from learners.adam import FlatAdam
from learners.dense_adam import AdamTable
from learners.history import Rows, batches
from learners.layers import linear
from learners.materials import Materials
from learners.model import Model
from learners.networks.mlp import MLP
from learners.start.cvr import ConversionRate
from simulator.log.schema import Float64, Int32
from simulator.logistic import expit
from simulator.randomness import generator, torch_seed

ENCODER = (256, 128)
"""Units of the encoder's hidden layers; those of the decoder are the same the other way round."""
CLICK_AND_CONVERSION = 2


def clicks_of(materials: Materials, purpose: str) -> Iterator[Rows]:
    """Yield the history's clicks in shuffled batches, their conversions as the one target; one epoch."""
    rng = generator(materials.seed, "learners", "escim", purpose)
    size = materials.learner.pretrain_batch_size
    return batches(materials.history.rows(ConversionRate()), size, rng)


class Prior:
    """Conversion of a click given its features and a noise z that is drawn anew each step: P(v | x, click, z).

    Nothing else depends on z, so the best such model ignores it; how far one that is trained for few steps does not is
    what `Prior.score` of two draws shows.
    """

    def __init__(self, materials: Materials, noise: int, rate: float) -> None:
        self.noise = noise
        learner = materials.learner.model_copy(
            update={"learning_rate": rate, "embedding_learning_rate": rate, "embedding_optimiser": "adam"}
        )
        seed = torch_seed(materials.seed, "learners", "escim", "prior")
        network = MLP(norm=False).completed(learner)
        features = materials.history.log.features
        self.model = Model(network, ("cvr",), features, learner, seed, noise)
        self._rng = torch.Generator().manual_seed(torch_seed(materials.seed, "learners", "escim", "noise"))

    def draw(self, rows: int) -> Float64:
        """Draw noise from N(0, I), shape (rows, noise)."""
        return torch.randn(rows, self.noise, generator=self._rng).double().numpy()

    def step(self, features: Int32, converted: Float64) -> None:
        """Take one step on clicks."""
        target = torch.from_numpy(np.asarray(converted, np.float32))
        self.model.step(
            features,
            lambda outputs: functional.binary_cross_entropy_with_logits(outputs["cvr"], target),
            self.draw(len(features)),
        )

    def fit(self, materials: Materials, epochs: int) -> None:
        """Train on the history's clicks."""
        for epoch in range(epochs):
            for batch in clicks_of(materials, f"prior {epoch}"):
                self.step(batch.features, batch.targets[:, 0].astype(np.float64))

    def score(self, features: Int32, noise: Float64) -> Float64:
        """Return P(v | x, click, z), shape (B,)."""
        return expit(self.model.outputs(features, noise)["cvr"])

    def state_dict(self) -> dict[str, Any]:
        """Return all state, as tensors and plain values."""
        return {"model": self.model.state_dict(), "noise": self._rng.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.model.load_state_dict(state["model"])
        self._rng.set_state(state["noise"])


class Autoencoder:
    """A variational autoencoder of clicks: u = (embeddings of x, click, conversion) to a normal of z and back.

    The loss of a batch is the sum of squared differences plus ``beta`` times the sum of the divergences from N(0, I). What
    is to be reconstructed are the model's own embeddings, which may shrink to nothing.
    """

    def __init__(self, materials: Materials, noise: int, rate: float, dim: int) -> None:
        self.noise = noise
        made = torch.Generator().manual_seed(torch_seed(materials.seed, "learners", "escim", "autoencoder"))
        features = materials.history.log.features
        self.table = AdamTable(features, dim, rate, made)
        self.table.skip(made)
        self._width = len(features) * dim + CLICK_AND_CONVERSION
        self.layers = nn.ModuleDict(
            {
                "encoder": through((self._width, *ENCODER, 2 * noise), made),
                "decoder": through((noise, *reversed(ENCODER), self._width), made),
            }
        )
        self.adam = FlatAdam(self.layers, rate)
        self._rng = torch.Generator().manual_seed(torch_seed(materials.seed, "learners", "escim", "latent"))

    def step(self, features: Int32, converted: Float64, beta: float) -> float:
        """Take one step on clicks; return the loss per click."""
        cells = self.table.cells(features)
        values = self.table.gather(cells.rows)
        gathered = cells.pooled(values).requires_grad_()
        whole = self._whole(gathered, converted)
        mean, log_variance = self._encoded(whole)
        drawn = mean + torch.randn(mean.shape, generator=self._rng) * (log_variance / 2).exp()
        loss = (self.layers["decoder"](drawn) - whole).square().sum()
        loss = loss - beta / 2 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
        loss.backward()
        self.adam.step()
        assert gathered.grad is not None
        self.table.update(cells.rows, values.detach(), cells.spread(gathered.grad))
        return float(loss.detach()) / max(len(features), 1)

    def fit(self, materials: Materials, epochs: int, beta: float) -> None:
        """Train on the history's clicks; the weight of the divergence grows from 0 towards ``beta``, which it would reach
        in the epoch after the last, as in the public code.
        """
        for epoch in range(epochs):
            for batch in clicks_of(materials, f"autoencoder {epoch}"):
                self.step(batch.features, batch.targets[:, 0].astype(np.float64), beta * epoch / epochs)

    def encode(self, features: Int32, converted: Float64) -> tuple[Float64, Float64]:
        """Return mean and standard deviation of z for clicks, each of shape (B, noise)."""
        with torch.no_grad():
            cells = self.table.cells(features)
            mean, log_variance = self._encoded(
                self._whole(cells.pooled(self.table.gather(cells.rows)), converted)
            )
            return mean.double().numpy(), (log_variance / 2).exp().double().numpy()

    def draw(self, rows: int) -> Float64:
        """Draw from N(0, I), shape (rows, noise)."""
        return torch.randn(rows, self.noise, generator=self._rng).double().numpy()

    def _whole(self, gathered: Tensor, converted: Float64) -> Tensor:
        label = torch.from_numpy(np.asarray(converted, np.float32))
        beside = torch.stack([torch.ones_like(label), label], dim=1)
        return torch.cat([gathered.reshape(len(label), -1), beside], dim=1)

    def _encoded(self, whole: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.layers["encoder"](whole).split(self.noise, dim=1)
        return mean, log_variance

    def state_dict(self) -> dict[str, Any]:
        """Return all state, as tensors and plain values."""
        return {
            "adam": self.adam.state_dict(),
            "table": self.table.state_dict(),
            "latent": self._rng.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.adam.load_state_dict(state["adam"])
        self.table.load_state_dict(state["table"])
        self._rng.set_state(state["latent"])


def through(widths: tuple[int, ...], made: torch.Generator) -> nn.Sequential:
    """Return linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [linear(inputs, outputs, made), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
