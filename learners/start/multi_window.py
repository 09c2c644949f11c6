"""Pre-training of MISS."""

from __future__ import annotations

from learners.heads import PROBABILITY
from learners.networks.multi_window import WINDOW_HEADS
from learners.start.base import RECIPES, Recipe
from simulator.log.schema import ClickBatch, Float64, Labels


@RECIPES.register("multi-window")
class MultiWindow(Recipe):
    """Cross-entropy of the final label for each of the three heads, so that any mixture of them is a conversion rate.

    NetCVR's code starts the three at random in front of a trunk that was pre-trained with another head.
    """

    heads = dict.fromkeys(WINDOW_HEADS, PROBABILITY)

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        return dict.fromkeys(WINDOW_HEADS, labels.converted.astype(float))
