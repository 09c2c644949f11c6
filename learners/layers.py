"""Layers with initial weights from a generator of their own, never from torch's global one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from learners.dropout import Dropout
from learners.products import product

SLOPE = 0.01
"""Negative slope of the leaky ReLU."""


class Linear(nn.Linear):
    """A linear layer that may have a copy of its matrix in bfloat16 (`learners.halved`), by which it multiplies then.

    With one output it multiplies in float32 nonetheless: bfloat16 has 64 values between a logit of -2 and one of -3, and
    there is nothing to win.
    """

    halved: Tensor | None = None
    """The copy, taken under autocast alone. It is no parameter: who makes it moves its gradient to that of the matrix."""
    exact: bool = False
    """Whether products are in float32 although those around are not."""

    def reset_parameters(self) -> None:
        """Leave the values to `linear`; torch's own way to draw nothing loads sympy: a second of every start."""

    def forward(self, values: Tensor) -> Tensor:
        if self.halved is not None and torch.is_autocast_enabled("cpu"):
            return product(values, self.halved, self.bias)
        if self.exact and values.ndim == 2:
            row, numbers = self.weight[0], values.to(self.weight.dtype)
            said = torch.mv(numbers, row) if self.bias is None else torch.addmv(self.bias, numbers, row)
            return said.unsqueeze(1)
        return super().forward(values)


class Trunk(nn.Sequential):
    """Hidden layers, which run one after the other, whole or from one linear layer to another."""


def linear(inputs: int, outputs: int, generator: Generator, *, bias: bool = True) -> Linear:
    """Return a linear layer, uniform in +-1/sqrt(inputs): torch's default, from our generator."""
    layer = Linear(inputs, outputs, bias=bias)
    bound = 1 / math.sqrt(inputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
    return layer


def apart(embedded: Tensor) -> tuple[Tensor, ...]:
    """Return embeddings (embeddings, B, width) one by one. To take them by their number instead costs a pass over all of
    them, filled up with zeros, for the gradient of each.
    """
    return (embedded.flatten(0, 1),) if len(embedded) == 1 else embedded.unbind(0)


def joined(embedded: Tensor, inputs: Tensor | None) -> Tensor:
    """Return the numbers of a batch, (B, width), and beside them the further inputs, where there are any."""
    return embedded if inputs is None else torch.cat([embedded, inputs], dim=1)


def once(numbers: Tensor) -> Tensor:
    """Return numbers as products read them, for many to read: under autocast each of them would cast them, and their gradient,
    by itself.
    """
    return numbers.bfloat16() if torch.is_autocast_enabled("cpu") else numbers


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
) -> Trunk:
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
    return Trunk(*layers)


def folded(layer: nn.Linear, norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the one linear layer that says what a layer and its batch norm, as it serves, say."""
    assert norm.running_mean is not None, "it is normalised by what it has seen"
    assert norm.running_var is not None, "it is normalised by what it has seen"
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = -norm.running_mean if layer.bias is None else layer.bias - norm.running_mean
    return layer.weight * gain[:, None], shift * gain + norm.bias
