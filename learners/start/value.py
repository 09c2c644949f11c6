"""Pre-training of the expected GMV per click."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from learners import lognormal
from learners.heads import LOG_MEAN, MEDIAN, PROBABILITY, Head
from learners.start.base import RECIPES, Recipe
from simulator.log.schema import ClickBatch, Float64, Labels

if TYPE_CHECKING:
    from torch import Tensor


@RECIPES.register("cvr-gmv")
class ConversionAndGmv(Recipe):
    """Cross-entropy of the final conversion label on every click, gamma deviance of the GMV on the converting ones.

    Both are means over all clicks.
    """

    heads = {"cvr": PROBABILITY, "gmv": LOG_MEAN}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        return {
            "cvr": labels.converted.astype(float),
            "gmv": np.where(labels.converted, labels.gmv, np.nan),
        }

    def loss(self, outputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        total = outputs["cvr"].new_zeros(())
        for name, head in self.heads.items():
            value, told = targets[name]
            total = total + (head.losses(outputs[name], value) * told).sum() / len(told)
        return total


class _Spread(Head):
    """The spread of a log-normal; it has no target of its own."""

    def bias(self, total: float, count: int) -> float:
        return 0.5  # sigma = 1.02, that of amounts in shops


@RECIPES.register("ziln")
class ZeroInflatedLogNormal(Recipe):
    """Likelihood of a GMV that is 0 or log-normal, on every click."""

    heads = {"cvr": PROBABILITY, "mu": MEDIAN, "spread": _Spread()}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        some = labels.converted & (labels.gmv > 0)
        amount = np.where(some, np.log(np.where(some, labels.gmv, 1.0)), np.nan)
        return {"cvr": labels.converted.astype(float), "mu": amount, "spread": amount}

    def loss(self, outputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        value, told = targets["cvr"]
        surprise = (PROBABILITY.losses(outputs["cvr"], value) * told).sum() / len(told)
        amount, paid = targets["mu"]
        return surprise + (lognormal.nll(outputs["mu"], outputs["spread"], amount) * paid).sum() / len(paid)
