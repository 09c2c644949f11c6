"""The perceptron of OnlineGMV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PositiveInt

from learners.networks.amounts import AmountNetwork
from learners.networks.base import NETWORKS

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from simulator.scenario.model import LearnerBlock


@NETWORKS.register("dice")
class DicePerceptron(AmountNetwork):
    """Linear and Dice per hidden layer, one linear output per head (Single of OnlineGMV, WWW 2026)."""

    hidden: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] | None = None
    """Units of the hidden layers; ``[learner] hidden`` unless given (the paper: 1024, 512, 256, 128, 64)."""

    def settled(self, learner: LearnerBlock) -> Self:
        return self if self.hidden is not None else self.model_copy(update={"hidden": learner.hidden})

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn  # noqa: PLC0415

        from learners.dice import dice_trunk  # noqa: PLC0415
        from learners.layers import linear  # noqa: PLC0415

        assert self.hidden is not None, "settled() comes before build()"
        return nn.ModuleDict(
            {
                "trunk": dice_trunk(width + inputs, self.hidden, generator),
                "heads": nn.ModuleDict({head: linear(self.hidden[-1], 1, generator) for head in heads}),
            }
        )

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        import torch  # noqa: PLC0415

        whole = embedded[0] if inputs is None else torch.cat([embedded[0], inputs], dim=1)
        hidden = layers["trunk"](whole)
        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        return {name: self.read(name, head(hidden).squeeze(1)) for name, head in heads.items()}
