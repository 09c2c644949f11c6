"""Pre-training of the conversion rate."""

from __future__ import annotations

from learners.heads import PROBABILITY
from learners.start.base import RECIPES, Recipe
from simulator.log.schema import ClickBatch, Float64, Labels


@RECIPES.register("cvr")
class ConversionRate(Recipe):
    """Cross-entropy of the final conversion label on every click of the history."""

    heads = {"cvr": PROBABILITY}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        return {"cvr": labels.converted.astype(float)}
