"""The papers' multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from learners.networks.base import NETWORKS
from learners.networks.perceptron import Perceptron
from learners.networks.sized import Stacked

if TYPE_CHECKING:
    from torch import Generator, nn


@NETWORKS.register("mlp")
class MLP(Stacked, Perceptron):
    """Linear, batch norm, leaky ReLU per hidden layer, one linear output per head (NetCVR, WWW 2026).

    A head for a probability gives its logit. The head for GMV gives log1p of the amount; OnlineGMV's
    network gives the amount itself, as abs() of its output, and takes the logarithm in the loss. In log1p
    space the scale of the output does not depend on the currency, the gradient of log-MAE does not vanish
    as 1 / amount, and 0 is no kink.

    NetCVR, ULC and ES-DFM have [256, 256, 128], the latter with batch norm; ESCIM (ICDM 2025) has [512, 256, 128] on
    Ali-CCP and [64, 64, 32] on AliExpress, with ``norm = false``.
    """

    def trunk(self, width: int, hidden: Sequence[int], generator: Generator) -> nn.Module:
        return self.stack(width, hidden, generator)
