"""Pre-training of both clocks on complete labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from learners.heads import PROBABILITY, SHARE, shares_loss
from learners.start.base import RECIPES, Recipe
from learners.twice.delays import BUCKETS, DELAYS, bucket
from simulator.log.schema import ClickBatch, Float64, Labels

if TYPE_CHECKING:
    from torch import Tensor


@RECIPES.register("two-clocks")
class BothClocks(Recipe):
    """Cross-entropy of the final conversion label on every click, and of the delay's bucket on those that converted.

    Where lives are whole no cohort is over-represented, and nothing is to be taken out.
    """

    heads = {"cvr": PROBABILITY, **dict.fromkeys(DELAYS, SHARE)}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        place = bucket(labels.first_pay - clicks.time)
        inside = place[:, None] == np.arange(BUCKETS)
        told = np.where(labels.converted[:, None], inside.astype(np.float64), np.nan)
        return {"cvr": labels.converted.astype(np.float64), **dict(zip(DELAYS, told.T, strict=True))}

    def loss(self, outputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        rate = PROBABILITY.losses(outputs["cvr"], targets["cvr"][0]).mean()
        return rate + shares_loss(outputs, targets, DELAYS)
