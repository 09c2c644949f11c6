"""Pre-training of DFM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from learners.heads import LOG_RATE, PROBABILITY
from learners.start.base import RECIPES, Recipe
from simulator.log.schema import ClickBatch, Float64, Labels
from simulator.units import HOUR

if TYPE_CHECKING:
    from torch import Tensor


@RECIPES.register("dfm")
class DelayedFeedback(Recipe):
    """The likelihood of DFM (Chapelle, KDD 2014) on final labels, where it falls into two.

    Once the attribution window is over, whoever has not paid never will: the conversion rate is fitted by
    cross-entropy, the rate of the exponential delay (per hour) on the clicks that paid.
    """

    heads = {"cvr": PROBABILITY, "log_rate": LOG_RATE}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        delay = (labels.first_pay - clicks.time) / HOUR
        return {
            "cvr": labels.converted.astype(float),
            "log_rate": np.where(labels.converted, delay, np.nan),
        }

    def loss(self, outputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        # A likelihood of clicks: the delays' part is over all of them, too, not over those that paid.
        value, told = targets["log_rate"]
        delays = (LOG_RATE.losses(outputs["log_rate"], value) * told).sum() / len(value)
        return PROBABILITY.losses(outputs["cvr"], targets["cvr"][0]).mean() + delays
