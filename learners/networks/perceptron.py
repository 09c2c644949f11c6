"""What multi-layer perceptrons have in common: a trunk of hidden layers, and one linear output per head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveInt

from learners.networks.base import Network

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from simulator.scenario.learner import LearnerBlock


class Perceptron(Network):
    """A trunk under all heads; subclasses say what its layers are."""

    hidden: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] | None = None
    """Units of the hidden layers; ``[learner] hidden`` unless given."""

    def completed(self, learner: LearnerBlock) -> Self:
        return self if self.hidden is not None else self.model_copy(update={"hidden": learner.hidden})

    def trunk(self, width: int, hidden: Sequence[int], generator: Generator) -> nn.Module:
        """Return the hidden layers over ``width`` numbers."""
        raise NotImplementedError

    def read(self, head: str, raw: Tensor) -> Tensor:
        """Return what a head says from what its last layer gives."""
        return raw

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        from learners.layers import linear

        assert self.hidden is not None, "completed() comes before build()"
        return nn.ModuleDict(
            {
                "trunk": self.trunk(width + inputs, self.hidden, generator),
                "heads": nn.ModuleDict({head: linear(self.hidden[-1], 1, generator) for head in heads}),
            }
        )

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        import torch

        whole = embedded[0] if inputs is None else torch.cat([embedded[0], inputs], dim=1)
        hidden = layers["trunk"](whole)
        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        return {name: self.read(name, head(hidden).squeeze(1)) for name, head in heads.items()}
