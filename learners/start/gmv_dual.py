"""Pre-training of the two towers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from learners.heads import MEDIAN, PROBABILITY
from learners.start.base import RECIPES, Recipe
from simulator.log.schema import ClickBatch, Float64, Labels

if TYPE_CHECKING:
    from torch import Tensor


@RECIPES.register("gmv-dual")
class DualGmv(Recipe):
    """Log-MAE of the final GMV: of clicks that paid once by one tower, of those that paid again by the other.

    One mean over all of them (OnlineGMV, WWW 2026, eq. 12), so a class weighs as much as it has clicks.
    """

    heads = {"gmv_single": MEDIAN, "gmv_repurchase": MEDIAN}

    balanced: bool = False
    """Add the means of both classes up instead (public code)."""

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        amount = np.log1p(labels.gmv)
        return {
            "gmv_single": np.where(labels.pay_count == 1, amount, np.nan),
            "gmv_repurchase": np.where(labels.pay_count > 1, amount, np.nan),
        }

    def loss(self, outputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        if self.balanced:
            return super().loss(outputs, targets)
        total = outputs["gmv_single"].new_zeros(())
        for name in ("gmv_single", "gmv_repurchase"):
            value, told = targets[name]
            total = total + (self.heads[name].losses(outputs[name], value) * told).sum() / len(told)
        return total


@RECIPES.register("gmv-dual-routed")
class RoutedDualGmv(DualGmv):
    """As gmv-dual, and cross-entropy of whether a click pays again, for a router that is part of the network."""

    heads = {**DualGmv.heads, "repurchase": PROBABILITY}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        again = np.where(labels.converted, labels.pay_count > 1, np.nan)
        return {**super().targets(clicks, labels), "repurchase": again}

    def loss(self, outputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        if self.balanced:
            return super().loss(outputs, targets)
        value, told = targets["repurchase"]
        surprise = (PROBABILITY.losses(outputs["repurchase"], value) * told).sum() / told.sum().clamp(min=1)
        return super().loss(outputs, targets) + surprise
