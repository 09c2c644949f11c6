"""Multi-gate mixture of experts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveInt

from learners.networks.base import NETWORKS, Network

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from simulator.scenario.learner import LearnerBlock


@NETWORKS.register("mmoe")
class MixtureOfExperts(Network):
    """Each head reads its own mixture of all experts, sum_i softmax(G x)_i E_i(x) (MMoE: Ma et al., KDD 2018).

    An expert is the hidden layers of the perceptron; the gate G of a head is linear in the embeddings.
    """

    experts: Annotated[int, Field(ge=2)] = 2
    """How many experts; Bi-DEFUSE's code has two for each head."""
    hidden: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] | None = None
    """Units of each expert's layers; ``[learner] hidden`` unless given."""

    def completed(self, learner: LearnerBlock) -> Self:
        return self if self.hidden is not None else self.model_copy(update={"hidden": learner.hidden})

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        from learners.layers import linear, trunk

        assert self.hidden is not None, "completed() comes before build()"
        width += inputs
        return nn.ModuleDict(
            {
                "experts": nn.ModuleList(trunk(width, self.hidden, generator) for _ in range(self.experts)),
                "gates": nn.ModuleDict({head: linear(width, self.experts, generator) for head in heads}),
                "heads": nn.ModuleDict({head: linear(self.hidden[-1], 1, generator) for head in heads}),
            }
        )

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        import torch

        whole = embedded[0] if inputs is None else torch.cat([embedded[0], inputs], dim=1)
        experts: nn.ModuleList = layers["experts"]  # type: ignore[assignment]
        gates: nn.ModuleDict = layers["gates"]  # type: ignore[assignment]
        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        said = torch.stack([expert(whole) for expert in experts], dim=1)  # (B, experts, units)
        return {
            name: head((gates[name](whole).softmax(dim=1).unsqueeze(2) * said).sum(dim=1)).squeeze(1)
            for name, head in heads.items()
        }
