"""The perceptron of OnlineGMV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from learners.networks.amounts import AmountNetwork
from learners.networks.base import NETWORKS
from learners.networks.perceptron import Perceptron

if TYPE_CHECKING:
    from torch import Generator, nn


@NETWORKS.register("dice")
class DicePerceptron(AmountNetwork, Perceptron):
    """Linear and Dice per hidden layer, one linear output per head (Single of OnlineGMV, WWW 2026).

    The paper's hidden layers have 1024, 512, 256, 128 and 64 units.
    """

    def trunk(self, width: int, hidden: Sequence[int], generator: Generator) -> nn.Module:
        from learners.dice import dice_trunk

        return dice_trunk(width, hidden, generator)
