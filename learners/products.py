"""Products in bfloat16 whose number of rows is one of few: each new one has its code compiled, for milliseconds and memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

LEAST = 4
"""Binary digits of the rows that a product takes at least, and of which larger numbers of rows are multiples."""


def rounded(rows: int) -> int:
    """Return the least number of rows that is at least ``rows`` and one of few: eight between a power of two and the next."""
    unit = 1 << max(LEAST, (rows - 1).bit_length() - 4)
    return -(-rows // unit) * unit


def product(values: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``values @ matrix.T + bias`` in bfloat16 for values (..., inputs); gradients follow."""
    rows = values.shape[:-1].numel()
    if rows == rounded(rows):
        return functional.linear(values, matrix, bias)
    flat = values if values.ndim == 2 else values.reshape(-1, values.shape[-1])
    said: Tensor = _Product.apply(flat, matrix, bias)  # type: ignore[no-untyped-call]
    return said if values.ndim == 2 else said.view(*values.shape[:-1], -1)


def filled(values: Tensor) -> Tensor:
    """Return values, and under autocast zeros behind them until their number is one of few: for products of other kinds."""
    lacking = rounded(len(values)) - len(values) if torch.is_autocast_enabled("cpu") else 0
    return functional.pad(values, (0, 0) * (values.ndim - 1) + (0, lacking)) if lacking else values


class _Product(torch.autograd.Function):
    """The product of values with rows of zeros behind them, and without what comes of those."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
        whole = _whole(values)
        ctx.save_for_backward(whole, matrix)
        ctx.dtype, ctx.bias = values.dtype, bias is not None
        said = functional.linear(whole, matrix, None if bias is None else bias.bfloat16())
        return said.resize_(len(values), len(matrix))  # no view: what follows may write into it

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        values, matrix = ctx.saved_tensors
        of_values, of_matrix, of_bias = ctx.needs_input_grad
        whole = _whole(gradient)
        back = torch.mm(whole, matrix)[: len(gradient)].to(ctx.dtype) if of_values else None
        return (
            back,
            torch.mm(whole.t(), values) if of_matrix else None,
            gradient.sum(0, dtype=torch.float32) if ctx.bias and of_bias else None,
        )


def _whole(values: Tensor) -> Tensor:
    rows = rounded(len(values))
    if rows == len(values):
        return values.bfloat16()
    whole = values.new_empty(rows, values.shape[1], dtype=torch.bfloat16)
    whole[: len(values)] = values
    whole[len(values) :] = 0
    return whole
