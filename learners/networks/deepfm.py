"""Factorisation machine beside a perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from learners.networks.base import NETWORKS
from learners.networks.sized import Fielded, last_layers, said_by
from simulator.composite import following

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


@NETWORKS.register("deepfm")
class DeepFM(Fielded):
    """Sum_j w_j + sum_{i<j} <v_i, v_j> + MLP(v), with v_j the embedding of feature j (DeepFM: Guo et al., IJCAI 2017).

    The interactions are 0.5 sum_k [(sum_j v_jk)^2 - sum_j v_jk^2]: no pair is formed. All heads on one set of embeddings
    share them. ESCIM has its perceptron's sizes and dropout 0 (Ali-CCP) or 0.1 (AliExpress). Its code (``public``) takes
    each number of the embeddings for a feature of its own, so that numbers of one embedding interact as well, and takes w
    from the embeddings.
    """

    activation: Literal["leaky-relu", "relu"] = "relu"
    first_order: Literal["own", "embedding"] = "own"
    """What w_j is a linear map of: a second embedding of each feature, so that the weight of every value and head is free,
    as in the definition; or v_j, which spares the second table."""

    embeddings = following(2, lambda part: 2 if part.form == "paper" and part.first_order == "own" else 1)

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        from learners.layers import linear

        read = width + inputs
        token: dict[str, nn.Module] = {}
        if self.form == "paper":
            token = self.input_token(inputs, generator)
            read = (self.fields(width) + len(token)) * (self.dim or 1)
        first = {head: linear(width + inputs, 1, generator, bias=False) for head in heads}
        return nn.ModuleDict(
            {
                **token,
                "first": nn.ModuleDict(first),
                "trunk": self.stack(read, self.sizes, generator),
                "heads": last_layers(self.sizes[-1], heads, generator),
            }
        )

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        from learners.layers import apart, joined

        each = apart(embedded)
        linear = said_by(layers["first"], joined(each[-1], inputs))
        own = self.form == "paper"
        tokens = self.tokens(layers, each[0], inputs) if own else joined(each[0], inputs).unsqueeze(2)
        interactions = 0.5 * (tokens.sum(1).square() - tokens.square().sum(1)).sum(1)
        deep = said_by(layers["heads"], layers["trunk"](tokens.flatten(1)))
        return {head: logit + linear[head] + interactions for head, logit in deep.items()}
