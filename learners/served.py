"""The dense layers as they are served."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from learners.adam import flatten, kept
from learners.layers import Linear, Trunk, folded

ONE_PASS: Callable[..., Tensor] | None = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
"""A product with an activation behind it, where torch has one; apart, they take half as long again."""


Layer = TypeVar("Layer", bound=nn.Module)


class ServedLayers:
    """A copy of a model's layers as they were when it was taken last.

    Halved, it is followed by a copy that multiplies in bfloat16, and in which each batch norm of a `Trunk` is part of the
    linear layer before it. The state is that of the first copy alone.

    Parameters
    ----------
    layers : those of the model.
    halved : whether they multiply in bfloat16.
    """

    def __init__(self, layers: nn.ModuleDict, *, halved: bool) -> None:
        self._taken = copy.deepcopy(layers).eval().requires_grad_(requires_grad=False)
        self._weight = flatten(self._taken)
        self.layers = self._taken
        self._fused: list[Fused] = []
        self._halves: list[tuple[Linear, Tensor]] = []
        if halved:
            self._halve()

    def _halve(self) -> None:
        """Make the second copy; what is neither fused nor halved is shared with the first."""
        shared = {id(t): t for t in (*self._taken.parameters(), *self._taken.buffers())}
        self.layers = copy.deepcopy(self._taken, shared)
        for trunk in [layer for layer in self.layers.modules() if isinstance(layer, Trunk)]:
            self._fuse(trunk)
        for layer in self.layers.modules():
            if isinstance(layer, Linear):
                layer.exact, layer.halved = layer.out_features == 1, None
                if not layer.exact:
                    layer.halved = layer.weight.to(torch.bfloat16)
                    self._halves.append((layer, layer.halved))

    def _fuse(self, trunk: Trunk) -> None:
        for k, layer in enumerate(trunk):
            if isinstance(layer, nn.Linear) and layer.out_features > 1:
                norm = _of_type(trunk, k + 1, nn.BatchNorm1d)
                active = _of_type(trunk, k + (1 if norm is None else 2), nn.LeakyReLU, nn.ReLU)
                self._fused.append(Fused(layer, norm, active))
                trunk[k] = self._fused[-1]
                # As many layers as before: a network may cut its trunk in two.
                for gone in range(k + 1, k + 1 + (norm is not None) + (active is not None)):
                    trunk[gone] = nn.Identity()

    def take(self, weight: Tensor, layers: nn.Module) -> None:
        """Take over weights (those of `learners.adam.FlatAdam`) and buffers of the model's layers as they are now."""
        pairs = [(self._weight, weight), *zip(self._taken.buffers(), layers.buffers(), strict=True)]
        if all(torch.equal(own, new) for own, new in pairs):  # a frozen model is asked often
            return
        for own, new in pairs:
            own.copy_(new)
        self._follow()

    def _follow(self) -> None:
        with torch.no_grad():
            for fused in self._fused:
                fused.follow()
            for layer, half in self._halves:
                half.copy_(layer.weight)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of weights and batch-norm statistics."""
        return {"weight": kept(self._weight), "buffers": copied(self._taken)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises
        ------
        KeyError, ValueError : the state is that of another model.
        """
        self._weight.copy_(state["weight"])
        restore(self._taken, state["buffers"])
        self._follow()


class Fused(nn.Module):
    """A linear layer, the batch norm behind it as it serves, and the (leaky) ReLU behind that, in one."""

    def __init__(self, layer: nn.Linear, norm: nn.BatchNorm1d | None, active: nn.Module | None) -> None:
        super().__init__()
        self._of = layer, norm
        self._slope = 1.0 if active is None else float(getattr(active, "negative_slope", 0.0))
        self._weight, self._bias = self._folded()
        self._halved = self._weight.bfloat16(), self._bias.bfloat16()

    def _folded(self) -> tuple[Tensor, Tensor]:
        layer, norm = self._of
        if norm is not None:
            return folded(layer, norm)
        return layer.weight, layer.weight.new_zeros(layer.out_features) if layer.bias is None else layer.bias

    def follow(self) -> None:
        """Fold the layers as they are now."""
        self._weight, self._bias = self._folded()
        for half, whole in zip(self._halved, (self._weight, self._bias), strict=True):
            half.copy_(whole)

    def forward(self, values: Tensor) -> Tensor:
        halved = torch.is_autocast_enabled("cpu")
        weight, bias = self._halved if halved else (self._weight, self._bias)
        if self._slope == 1:
            return functional.linear(values, weight, bias)
        if ONE_PASS is None or not halved:
            return functional.leaky_relu_(functional.linear(values, weight, bias), self._slope)
        name, numbers = ("leaky_relu", [self._slope]) if self._slope else ("relu", [])
        found: Tensor = ONE_PASS(values.bfloat16(), weight, bias, name, numbers, "none")
        return found


def _of_type(trunk: nn.Sequential, k: int, *types: type[Layer]) -> Layer | None:
    """Return layer ``k`` if there is one, of one of the types."""
    layer = trunk[k] if k < len(trunk) else None
    return layer if isinstance(layer, types) else None


def copied(layers: nn.Module) -> dict[str, Tensor]:
    """Return copies of all buffers by name."""
    return {name: kept(buffer) for name, buffer in layers.named_buffers()}


def restore(layers: nn.Module, buffers: Mapping[str, Tensor]) -> None:
    """Put back what `copied` returned.

    Raises
    ------
    ValueError : a buffer has another shape.
    """
    for name, buffer in layers.named_buffers():
        if buffers[name].shape != buffer.shape:
            raise ValueError(
                f"buffer {name} has shape {tuple(buffers[name].shape)}, not {tuple(buffer.shape)}"
            )
        buffer.copy_(buffers[name])
