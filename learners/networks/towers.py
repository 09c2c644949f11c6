"""Two towers: conversion and refund, on embeddings of their own, in common, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from learners.networks.base import NETWORKS, Network
from learners.networks.mlp import MLP
from learners.networks.sized import Units
from simulator.composite import Nested, following

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from simulator.log.schema import Feature
    from simulator.scenario.learner import LearnerBlock

SECOND = ("rfr", "netcvr")
"""Heads of the second tower; all others belong to the conversion tower."""


class Towers(Network):
    """A conversion tower and, for the heads rfr or netcvr, a second one, each a network on its own embeddings."""

    conversion: Annotated[Network, Nested(NETWORKS)] = "mlp"  # type: ignore[assignment]
    """The conversion tower: any network."""
    hidden: Units | None = None
    """Units of the second tower's hidden layers; ``[learner] hidden`` unless given."""
    detach: bool | Literal["pre-training"] = False
    """Do not train embeddings through the second tower, so that its own keep their random initial values: always, or in
    pre-training alone, from which the stream then sets out (most of NetCVR's public code)."""

    common: ClassVar[bool] = False
    """Whether each tower also reads one embedding of each feature that they share."""

    embeddings = following(2, lambda part: part.conversion.embeddings + 1 + part.common)

    def completed(self, learner: LearnerBlock) -> Self:
        hidden = self.hidden if self.hidden is not None else learner.hidden
        return self.model_copy(update={"conversion": self.conversion.completed(learner), "hidden": hidden})

    def reading(self, features: Sequence[Feature]) -> Self:
        return self.model_copy(update={"conversion": self.conversion.reading(features)})

    def pretraining(self) -> Self:
        return self.model_copy(update={"detach": bool(self.detach)})

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        own = [head for head in heads if head not in SECOND]
        second = [head for head in heads if head in SECOND]
        width *= 1 + self.common
        conversion = self.conversion.build(width, own, generator, inputs)
        refund = self._refund.build(width, second, generator, inputs)
        # Each head is known in its tower and here: the same layer, trained and saved once.
        both: dict[str, nn.Module] = {**conversion["heads"], **refund["heads"]}  # type: ignore[dict-item]
        return nn.ModuleDict({"conversion": conversion, "refund": refund, "heads": nn.ModuleDict(both)})

    def bias(self, head: str, value: float) -> float:
        return value if head in SECOND else self.conversion.bias(head, value)

    @property
    def _refund(self) -> MLP:
        assert self.hidden is not None, "completed() comes before build()"
        return MLP(hidden=self.hidden)

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        conversion, refund = self._dealt(embedded)
        if self.detach is True:
            refund = refund.detach()
        own, second = layers["conversion"], layers["refund"]
        return {
            **self.conversion.forward(own, conversion, inputs),  # type: ignore[arg-type]
            **self._refund.forward(second, refund, inputs),  # type: ignore[arg-type]
        }

    def _dealt(self, embedded: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings that each tower reads, shapes (n, B, width) and (1, B, width)."""
        own, second = embedded.split_with_sizes([self.conversion.embeddings, 1])
        return own, second


@NETWORKS.register("separate")
class Separate(Towers):
    """Towers that share nothing (NetCVR, WWW 2026: the cascade baselines and TESLA-Separate)."""


@NETWORKS.register("shared")
class Shared(Towers):
    """Towers on the same embeddings (NetCVR, WWW 2026: TESLA-Shared)."""

    embeddings = following(1, lambda part: part.conversion.embeddings)

    def _dealt(self, embedded: Tensor) -> tuple[Tensor, Tensor]:
        return embedded, embedded[:1]


@NETWORKS.register("hybrid")
class Hybrid(Towers):
    """Towers that each read embeddings of their own beside shared ones (NetCVR, WWW 2026: TESLA-Hybrid and TESLA)."""

    common = True

    def _dealt(self, embedded: Tensor) -> tuple[Tensor, Tensor]:
        import torch

        own = self.conversion.embeddings
        private, second, shared = embedded.split_with_sizes([own, 1, 1])
        return torch.cat([private, shared.expand(own, -1, -1)], dim=2), torch.cat([second, shared], dim=2)
