"""Pre-training of the GMV."""

from __future__ import annotations

import numpy as np

from learners.heads import MEDIAN
from learners.start.base import RECIPES, Recipe
from simulator.log.schema import ClickBatch, Float64, Labels


@RECIPES.register("gmv")
class Gmv(Recipe):
    """Log-MAE of the final GMV on the converting clicks of the history."""

    heads = {"gmv": MEDIAN}

    net: bool = False
    """Of the GMV that stays after refunds."""

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        gmv = np.maximum(labels.gmv - labels.refund_amount, 0.0) if self.net else labels.gmv
        return {"gmv": np.where(labels.converted, np.log1p(gmv), np.nan)}
