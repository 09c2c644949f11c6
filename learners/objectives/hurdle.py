"""Conversion, and the mean amount of those that convert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from learners.heads import LOG_MEAN, MEDIAN
from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("hurdle")
class Hurdle(Objective):
    """Cross-entropy of ``converted`` on all clicks, plus a loss of the GMV on those that converted.

    Both are means over all samples, as in a likelihood: amounts are few and noisy, and would drown the conversions in
    what the heads share if they had a mean of their own.

    CVR times GMV given a pay is the expected GMV of a click only where the second is a mean: the gamma deviance, whose
    optimum is the mean whatever the amounts' distribution, is the default; "log-mae" learns the median.
    """

    heads = ("cvr", "gmv")
    targets = ("converted", "gmv")

    amount: Literal["gamma", "log-mae"] = "gamma"
    """The loss of the GMV: its optimum is the mean, or the median."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        gmv = batch.target("gmv")
        head, label = (LOG_MEAN, gmv.value) if self.amount == "gamma" else (MEDIAN, gmv.value.log1p())
        amounts = gmv.mean(head.losses(outputs["gmv"], label))
        return batch.target("converted").cross_entropy(outputs["cvr"]) + amounts
