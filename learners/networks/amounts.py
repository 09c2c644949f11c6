"""What the networks for GMV have in common: what the raw output of an amount's head means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from learners.networks.base import Network

if TYPE_CHECKING:
    from torch import Tensor

AMOUNTS = frozenset({"gmv", "gmv_single", "gmv_repurchase"})
"""Heads that say an amount; all others say a logit or whatever their objective reads."""


class AmountNetwork(Network):
    """Networks whose heads for amounts give log1p of the amount, whatever their last layer gives."""

    output: Literal["log1p", "abs"] = "log1p"
    """What the last layer gives: log1p of the amount, or the amount itself up to its sign (OnlineGMV's public code).
    Objectives and links get log1p in both cases; with "abs" its gradient falls as 1 / amount and vanishes at 0."""

    def bias(self, head: str, value: float) -> float:
        return math.expm1(value) if self.output == "abs" and head in AMOUNTS else value

    def read(self, head: str, raw: Tensor) -> Tensor:
        """Return what a head says from what its last layer gives."""
        return raw.abs().log1p() if self.output == "abs" and head in AMOUNTS else raw
