"""Pre-training of the conversion rate and the net conversion rate."""

from __future__ import annotations

from learners.heads import PROBABILITY
from learners.start.base import RECIPES, Recipe
from simulator.log.schema import ClickBatch, Float64, Labels


@RECIPES.register("direct")
class DirectRates(Recipe):
    """Cross-entropy of the final labels "converted" and "converted and not refunded" on every click of the history."""

    heads = {"cvr": PROBABILITY, "netcvr": PROBABILITY}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        net = labels.converted & ~labels.refunded
        return {"cvr": labels.converted.astype(float), "netcvr": net.astype(float)}
