"""What mixtures of experts have in common: gates, mixtures, and towers above them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import PositiveInt

from learners.networks.sized import Stacked, Units, last_layers

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class Mixed(Stacked):
    """Networks in which each head mixes what experts say, and may have a tower of its own above."""

    hidden: Units | None = None
    """Units of each expert's layers; ``[learner] hidden`` unless given."""
    gate: tuple[PositiveInt, ...] = ()
    """Units of a gate's hidden layers; a gate is linear without."""
    tower: tuple[PositiveInt, ...] = ()
    """Units of each head's own layers above its mixture."""

    def gates(self, width: int, experts: int, generator: Generator) -> nn.Module:
        """Return a gate over ``width`` numbers: one output an expert."""
        from learners.layers import linear

        if not self.gate:
            return linear(width, experts, generator)
        return self.stack(width, self.gate, generator).append(linear(self.gate[-1], experts, generator))

    def towers(self, width: int, heads: Sequence[str], generator: Generator) -> dict[str, nn.Module]:
        """Return each head's own layers above ``width`` numbers, and its last one."""
        from torch import nn

        if not self.tower:
            return {"heads": last_layers(width, heads, generator)}
        own = nn.ModuleDict({head: self.stack(width, self.tower, generator) for head in heads})
        return {"towers": own, "heads": last_layers(self.tower[-1], heads, generator)}

    def told(self, layers: nn.ModuleDict, mixed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what the heads say of their mixtures."""
        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        if not self.tower:
            return {name: head(mixed[name]).squeeze(1) for name, head in heads.items()}
        own: nn.ModuleDict = layers["towers"]  # type: ignore[assignment]
        return {name: head(own[name](mixed[name])).squeeze(1) for name, head in heads.items()}


def mixture(weights: Tensor, said: Tensor) -> Tensor:
    """Return sum_i softmax(weights)_i said_i, shape (B, units), of what experts say, (B, experts, units)."""
    import torch

    share = weights.softmax(dim=1).to(said.dtype)
    if torch.is_autocast_enabled("cpu") and not torch.is_grad_enabled():
        # One product; not where there is a backward pass, which takes longer than all else.
        return torch.bmm(share.unsqueeze(1), said).squeeze(1)
    return (share.unsqueeze(2) * said).sum(dim=1)
