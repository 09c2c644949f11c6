"""Matrices in bfloat16 beside those that are trained, which stay float32."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learners.layers import Linear


class Halves:
    """Copies of the matrices of a module's linear layers in one vector, by which they multiply.

    A step casts all matrices in one pass, and the gradient of each copy once, into the vector of gradients, where autocast
    casts each matrix each time that it is used.

    Parameters
    ----------
    module : its linear layers from `learners.layers` get copies, or, with one output, multiply in float32.
    weight : the vector of which the module's parameters are views; their gradients are views of another.
    """

    def __init__(self, module: nn.Module, weight: Tensor) -> None:
        self._whole = weight
        self._copy = weight.to(torch.bfloat16)
        self._gradients: list[tuple[Linear, Tensor]] = []
        for layer in module.modules():
            if isinstance(layer, Linear):
                layer.exact = layer.out_features == 1
                if not layer.exact:
                    self._halve(layer)
        own = {id(layer.weight) for layer, _ in self._gradients}
        self._others = [p.grad for p in module.parameters() if id(p) not in own and p.grad is not None]

    def _halve(self, layer: Linear) -> None:
        matrix = layer.weight
        begin = matrix.storage_offset()
        part = self._copy[begin : begin + matrix.numel()].view_as(matrix)
        layer.halved = part.detach().requires_grad_()
        assert matrix.grad is not None, "it is a view"
        self._gradients.append((layer, matrix.grad))
        matrix.grad = None

    def renew(self) -> None:
        """Copy the matrices as they are now."""
        self._copy.copy_(self._whole)

    def hand_over(self) -> None:
        """Write the gradients of the matrices into the vector of gradients, and forget those of the copies."""
        for layer, gradient in self._gradients:
            copied, by_hand = None if layer.halved is None else layer.halved.grad, layer.weight.grad
            if copied is None:
                gradient.zero_()
            else:
                gradient.copy_(copied)
                layer.halved.grad = None  # type: ignore[union-attr]
            if by_hand is not None:  # a network took the matrix itself
                gradient.add_(by_hand)
                layer.weight.grad = None

    def forget(self) -> None:
        """Forget the gradients of all but the matrices, which `hand_over` writes anew."""
        if self._others:
            torch._foreach_zero_(self._others)
