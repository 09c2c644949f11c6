"""Explicit products of features, beside or under a perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Self

from pydantic import PositiveInt, model_validator

from learners.networks.base import NETWORKS
from learners.networks.sized import Stacked, last_layers, said_by

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


@NETWORKS.register("dcn-v2")
class DeepAndCross(Stacked):
    """Cross layers x_{l+1} = x_0 * (W_l x_l + b_l) + x_l and a perceptron (DCN-V2: Wang et al., WWW 2021).

    ESCIM has 2 cross layers in parallel with its perceptron, NISE 1 under it. ESCIM's code (``public``) has a vector for
    W_l, as DCN (ADKDD 2017) has, drawn from N(0, 1) whatever the width, and lets the perceptron say one number only.
    """

    activation: Literal["leaky-relu", "relu"] = "relu"
    cross_layers: PositiveInt = 2
    """How many cross layers."""
    cross: Literal["matrix", "vector"] = "matrix"
    """W_l: a matrix, or, as in DCN, a vector: x_0 (w_l x_l) + b_l + x_l."""
    rank: PositiveInt | None = None
    """Rank of W_l = U V; full unless given."""
    structure: Literal["parallel", "stacked"] = "parallel"
    """The heads read the cross layers beside the perceptron, or the perceptron on top of them."""
    form: Literal["paper", "public"] = "paper"
    """As the paper defines it, or as ESCIM's public code (ICDM 2025) computes what it calls by this name."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.rank is not None and (self.cross == "vector" or self.form == "public"):
            raise ValueError(f"rank = {self.rank} is that of a matrix: leave it out, or cross = 'matrix'")
        return self

    @property
    def _vector(self) -> bool:
        return self.cross == "vector" or self.form == "public"

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        import torch
        from torch import nn

        width += inputs
        deep, said = self.stack(width, self.sizes, generator), self.sizes[-1]
        if self.form == "public":
            from learners.layers import linear

            said = 1
            deep.append(linear(self.sizes[-1], said, generator))
        crosses = nn.ModuleList(self._cross(width, generator) for _ in range(self.cross_layers))
        said += width if self.structure == "parallel" else 0
        layers = {"cross": crosses, "trunk": deep, "heads": last_layers(said, heads, generator)}
        if self._vector:
            shifts = [nn.Parameter(torch.zeros(width)) for _ in range(self.cross_layers)]
            layers["shifts"] = nn.ParameterList(shifts)
        return nn.ModuleDict(layers)

    def _cross(self, width: int, generator: Generator) -> nn.Module:
        from torch import nn

        from learners.layers import linear

        if self.rank is not None:
            down = linear(width, self.rank, generator, bias=False)
            return nn.Sequential(down, linear(self.rank, width, generator))
        if not self._vector:
            return linear(width, width, generator)
        layer = linear(width, 1, generator, bias=False)
        if self.form == "public":
            nn.init.normal_(layer.weight, generator=generator)
        return layer

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        import torch

        from learners.layers import apart, joined

        start = crossed = joined(apart(embedded)[0], inputs)
        crosses: nn.ModuleList = layers["cross"]  # type: ignore[assignment]
        for level, one in enumerate(crosses):
            crossed = torch.addcmul(crossed, start, one(crossed))
            if self._vector:
                crossed = crossed + layers["shifts"][level]  # type: ignore[index]
        if self.structure == "stacked":
            return said_by(layers["heads"], layers["trunk"](crossed))
        return said_by(layers["heads"], torch.cat([crossed, layers["trunk"](start)], dim=1))
