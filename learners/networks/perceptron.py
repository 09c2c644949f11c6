"""What multi-layer perceptrons have in common: a trunk of hidden layers, and one linear output per head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from learners.networks.sized import Sized, last_layers

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


class Perceptron(Sized):
    """A trunk under all heads; subclasses say what its layers are."""

    def trunk(self, width: int, hidden: Sequence[int], generator: Generator) -> nn.Module:
        """Return the hidden layers over ``width`` numbers."""
        raise NotImplementedError

    def read(self, head: str, raw: Tensor) -> Tensor:
        """Return what a head says from what its last layer gives."""
        return raw

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        trunk = self.trunk(width + inputs, self.sizes, generator)
        return nn.ModuleDict({"trunk": trunk, "heads": last_layers(self.sizes[-1], heads, generator)})

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        from learners.layers import apart, joined

        hidden = layers["trunk"](joined(apart(embedded)[0], inputs))
        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        return {name: self.read(name, head(hidden).squeeze(1)) for name, head in heads.items()}
