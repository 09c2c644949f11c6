"""Hidden layers of the networks for GMV: linear, then Dice over the features of each sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from learners.layers import linear

EPSILON = 1e-4
SLOPE = -0.25
"""Where every unit's negative slope starts."""


class Dice(nn.Module):
    """g h + (1 - g) a h with g = sigmoid(normalised h) and a learnt slope a per unit (Dice: DIN, KDD 2018).

    As in OnlineGMV (WWW 2026) each sample is normalised over its own units, with no learnt scale or shift: there are
    no running statistics, so training and serving compute the same.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((units,), SLOPE))

    def forward(self, hidden: Tensor) -> Tensor:
        gate = functional.layer_norm(hidden, hidden.shape[-1:], eps=EPSILON).sigmoid()
        if hidden.dtype == torch.bfloat16:  # two passes fewer, and none of them in float32
            slope = self.slope.bfloat16()
            return hidden * torch.lerp(slope, torch.ones_like(slope), gate)
        return hidden * (gate + (1 - gate) * self.slope)


def dice_trunk(inputs: int, hidden: Sequence[int], generator: Generator) -> nn.Sequential:
    """Return linear and Dice for every hidden layer."""
    layers: list[nn.Module] = []
    for units in hidden:
        layers += [linear(inputs, units, generator), Dice(units)]
        inputs = units
    return nn.Sequential(*layers)
