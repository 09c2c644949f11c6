"""Matrices in bfloat16 beside those that are trained, which stay float32."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learners.layers import Linear


class Halves:
    """Copies of the matrices of a module's linear layers, in one vector, and a vector of their gradients.

    A step casts all matrices in one pass, and what the products say of the copies goes to the float32 gradients in
    another, where autocast casts each matrix, each time it is used, and each of its gradients.

    Parameters
    ----------
    module : its linear layers from `learners.layers` get copies, or, with one output, multiply in float32.
    weight : the vector of which the module's parameters are views.
    """

    def __init__(self, module: nn.Module, weight: Tensor) -> None:
        self._whole = weight
        self._copy = weight.to(torch.bfloat16)
        self._gradient = torch.zeros_like(self._copy)
        self._cast = torch.empty_like(weight)
        for layer in module.modules():
            if isinstance(layer, Linear):
                layer.exact = layer.out_features == 1
                if not layer.exact:
                    layer.halved = self._part(self._copy, layer.weight).requires_grad_()
                    layer.halved.grad = self._part(self._gradient, layer.weight)

    @staticmethod
    def _part(vector: Tensor, weight: Tensor) -> Tensor:
        begin = weight.storage_offset()
        return vector[begin : begin + weight.numel()].view_as(weight).detach()

    def renew(self) -> None:
        """Copy the matrices as they are now."""
        self._copy.copy_(self._whole)

    def hand_over(self, gradient: Tensor) -> None:
        """Add the gradients of the copies to those of the float32 vector, and forget them."""
        gradient.add_(self._cast.copy_(self._gradient))  # of two types at once it takes twice as long
        self._gradient.zero_()
