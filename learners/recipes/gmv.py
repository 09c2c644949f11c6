"""Pre-training of the GMV."""

from __future__ import annotations

import numpy as np

from learners.heads import MEDIAN
from learners.recipes.base import RECIPES, Recipe
from simulator.log.schema import ClickBatch, Float64, Labels


@RECIPES.register("gmv")
class Gmv(Recipe):
    """Log-MAE of the final GMV on the converting clicks of the history."""

    heads = {"gmv": MEDIAN}  # noqa: RUF012

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:  # noqa: ARG002
        return {"gmv": np.where(labels.converted, np.log1p(labels.gmv), np.nan)}
