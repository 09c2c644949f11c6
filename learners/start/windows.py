"""Pre-training of Bi-DEFUSE's two heads."""

from __future__ import annotations

from learners.heads import PROBABILITY
from learners.start.base import RECIPES, WindowedRecipe
from simulator.log.schema import ClickBatch, Float64, Labels


@RECIPES.register("windows")
class Windows(WindowedRecipe):
    """Cross-entropy of "paid inside the observation window" and of "paid after it" on every click of the history."""

    heads = {"in_window": PROBABILITY, "out_window": PROBABILITY}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        assert self.window is not None, "completed() comes before targets()"
        inside = self.paid_within(clicks, labels, self.window)
        return {"in_window": inside.astype(float), "out_window": (labels.converted & ~inside).astype(float)}
