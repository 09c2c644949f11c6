"""Two towers on a shared bottom: clicks that pay once, and clicks that pay again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from learners.networks.amounts import AmountNetwork
from learners.networks.base import NETWORKS
from learners.networks.sized import Units, last_layers

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from simulator.scenario.learner import LearnerBlock


class Towers(AmountNetwork):
    """A bottom shared by all heads and a tower for each of them, Dice after every hidden layer."""

    bottom: Units | None = None
    """Units of the shared layers; the first two fifths (rounded down, one at least) of ``[learner] hidden`` unless given."""
    tower: Units | None = None
    """Units of each head's own layers; the rest of ``[learner] hidden``, or its last layer again where none is left."""

    def completed(self, learner: LearnerBlock) -> Self:
        split = max(1, 2 * len(learner.hidden) // 5)
        usual = {"bottom": learner.hidden[:split], "tower": learner.hidden[split:] or learner.hidden[-1:]}
        return self.model_copy(update={n: units for n, units in usual.items() if getattr(self, n) is None})

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        from learners.dice import dice_trunk

        assert self.bottom is not None, "completed() comes before build()"
        assert self.tower is not None, "completed() comes before build()"
        low = {head: dice_trunk(width + inputs, self.bottom, generator) for head in self.bottoms(heads)}
        high = {head: dice_trunk(self.bottom[-1], self.tower, generator) for head in heads}
        return nn.ModuleDict(
            {
                "bottom": nn.ModuleDict(low),
                "tower": nn.ModuleDict(high),
                "heads": last_layers(self.tower[-1], heads, generator),
            }
        )

    def bottoms(self, heads: Sequence[str]) -> dict[str, int]:
        """Return the names of the bottoms to build, and which embedding each reads."""
        raise NotImplementedError

    def bottom_of(self, head: str) -> str:
        """Return the name of the bottom under a head."""
        raise NotImplementedError

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        from learners.layers import apart, joined

        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        towers: nn.ModuleDict = layers["tower"]  # type: ignore[assignment]
        low: nn.ModuleDict = layers["bottom"]  # type: ignore[assignment]
        hidden: dict[str, Tensor] = {}
        each = apart(embedded)
        for name, k in self.bottoms(list(heads)).items():
            hidden[name] = low[name](joined(each[k], inputs))
        return {
            head: self.read(head, last(towers[head](hidden[self.bottom_of(head)])).squeeze(1))
            for head, last in heads.items()
        }


@NETWORKS.register("dual")
class Dual(Towers):
    """One bottom under both towers (Dual of OnlineGMV, WWW 2026)."""

    frozen: bool = False
    """The stream leaves embeddings and bottom as pre-training left them, and moves the towers alone (table 6)."""

    @property
    def frozen_layers(self) -> tuple[str, ...]:
        return ("embeddings", "bottom") if self.frozen else ()

    def bottoms(self, heads: Sequence[str]) -> dict[str, int]:
        return {"shared": 0}

    def bottom_of(self, head: str) -> str:
        return "shared"


@NETWORKS.register("dual-independent")
class Independent(Towers):
    """Nothing is shared: a bottom and embeddings for each of the two heads (table 6 of OnlineGMV)."""

    embeddings = 2

    def bottoms(self, heads: Sequence[str]) -> dict[str, int]:
        return {head: min(k, 1) for k, head in enumerate(heads)}

    def bottom_of(self, head: str) -> str:
        return head


@NETWORKS.register("dual-routed")
class Routed(Towers):
    """The dual network, and beside it the router with embeddings and layers of its own, so that both are trained at once."""

    embeddings = 2

    def bottoms(self, heads: Sequence[str]) -> dict[str, int]:
        return {"shared": 0, **{head: 1 for head in heads if self.bottom_of(head) == head}}

    def bottom_of(self, head: str) -> str:
        return "shared" if head.startswith("gmv") else head
