"""Layers with initial weights from a generator of their own, never from torch's global one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, nn

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


def trunk(inputs: int, hidden: Sequence[int], generator: Generator) -> nn.Sequential:
    """Return linear, batch norm, leaky ReLU for every hidden layer.

    The linear layers have no bias: batch norm takes any constant away again and has a shift of its own.
    """
    layers: list[nn.Module] = []
    for units in hidden:
        layers += [linear(inputs, units, generator, bias=False), nn.BatchNorm1d(units), nn.LeakyReLU(SLOPE)]
        inputs = units
    return nn.Sequential(*layers)
