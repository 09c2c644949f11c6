"""Zero-inflated log-normal: whether a click pays, and how much, in one likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners import lognormal
from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("ziln")
class ZeroInflatedLogNormal(Objective):
    """Likelihood of a GMV that is 0 or log-normal (Wang et al., A deep probabilistic model for customer lifetime
    value prediction, 2019, eq. 4), on all clicks.

    Means are over all samples, so that both parts weigh as in the likelihood. Conversions of amount 0 teach the
    probability alone.
    """

    heads = ("cvr", "mu", "spread")
    targets = ("converted", "gmv")

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        gmv = batch.target("gmv")
        some = (gmv.value > 0).to(gmv.value.dtype)
        log_amount = gmv.value.clamp(min=TINY).log()
        amounts = some * lognormal.nll(outputs["mu"], outputs["spread"], log_amount)
        return batch.target("converted").cross_entropy(outputs["cvr"]) + gmv.mean(amounts)


TINY = 1e-6
