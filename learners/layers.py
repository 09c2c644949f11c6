"""Layers with initial weights from a generator of their own, never from torch's global one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from learners.dropout import Dropout

SLOPE = 0.01
"""Negative slope of the leaky ReLU."""


class _Blank(nn.Linear):
    """A linear layer that draws nothing; torch's own way, by the meta device, loads sympy: a second of every start."""

    def reset_parameters(self) -> None:
        """Leave the values to `linear`."""


def linear(inputs: int, outputs: int, generator: Generator, *, bias: bool = True) -> nn.Linear:
    """Return a linear layer, uniform in +-1/sqrt(inputs): torch's default, from our generator."""
    layer = _Blank(inputs, outputs, bias=bias)
    bound = 1 / math.sqrt(inputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
    return layer


def joined(embedded: Tensor, inputs: Tensor | None) -> Tensor:
    """Return the numbers of a batch, (B, width), and beside them the further inputs, where there are any."""
    return embedded if inputs is None else torch.cat([embedded, inputs], dim=1)


class Columns(nn.Module):
    """Some of the last dimension's numbers."""

    which: Tensor

    def __init__(self, which: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("which", torch.tensor(list(which), dtype=torch.int64))

    def forward(self, values: Tensor) -> Tensor:
        return values.index_select(-1, self.which)


def trunk(
    inputs: int,
    hidden: Sequence[int],
    generator: Generator,
    *,
    norm: bool = True,
    slope: float = SLOPE,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Return linear, batch norm, leaky ReLU for every hidden layer, and dropout where there is any.

    Under batch norm the linear layers have no bias: it takes any constant away again and has a shift of its own.
    """
    layers: list[nn.Module] = []
    for units in hidden:
        layers.append(linear(inputs, units, generator, bias=not norm))
        if norm:
            layers.append(nn.BatchNorm1d(units))
        layers.append(nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True))
        if dropout:
            layers.append(Dropout(dropout, generator))
        inputs = units
    return nn.Sequential(*layers)
