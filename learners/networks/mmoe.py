"""Multi-gate mixture of experts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from learners.networks.base import NETWORKS
from learners.networks.experts import Mixed, mixture

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


@NETWORKS.register("mmoe")
class MixtureOfExperts(Mixed):
    """Each head reads its own mixture of all experts, sum_i softmax(G x)_i E_i(x) (MMoE: Ma et al., KDD 2018).

    An expert is the hidden layers of the perceptron; the gate G of a head is linear in the embeddings, or has hidden
    layers. MMLRec has 4 experts [128], gate [64], tower [64]; NISE 8 [80], tower [40]; PaddleRec's ESCM2 8 [16], tower [8];
    EVI 8 [256], dropout 0.3, tower [128, 64, 32].
    """

    experts: Annotated[int, Field(ge=2)] = 2
    """How many experts; Bi-DEFUSE's code has two for each head."""

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        width += inputs
        return nn.ModuleDict(
            {
                "experts": nn.ModuleList(
                    self.stack(width, self.sizes, generator) for _ in range(self.experts)
                ),
                "gates": nn.ModuleDict({head: self.gates(width, self.experts, generator) for head in heads}),
                **self.towers(self.sizes[-1], heads, generator),
            }
        )

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        import torch

        from learners.layers import apart, joined, once

        whole = once(joined(apart(embedded)[0], inputs))
        experts: nn.ModuleList = layers["experts"]  # type: ignore[assignment]
        gates: nn.ModuleDict = layers["gates"]  # type: ignore[assignment]
        said = torch.stack([expert(whole) for expert in experts], dim=1)
        return self.told(layers, {name: mixture(gate(whole), said) for name, gate in gates.items()})
