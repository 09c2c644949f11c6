"""DEFUSE: one weight for each kind of delivery, fake negatives corrected before they are weighted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("defuse")
class UnbiasedEstimation(Objective):
    """Delayed feedback modeling with unbiased estimation (DEFUSE: Chen et al., WWW 2022).

    With elapsed-time delivery: an immediate positive weighs 1 + p_dp, a delayed positive (by its role) 1. An observed
    negative is a fake one with chance z = 1 - p_rn, and counts z p_dp as a positive and (1 - z) (1 + p_dp) as a
    negative. p_dp = P(pays after the observation window), p_rn = P(never pays | no pay inside it), both
    from a frozen auxiliary, without gradient.
    """

    heads = ("cvr",)
    targets = ("converted",)
    estimates = ("p_dp", "p_rn")

    merged: bool = False
    """Every positive carries both positive weights, 2 + p_dp, as in the public code: what settles is above p."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        from torch.nn.functional import softplus

        logit, target = outputs["cvr"], batch.target("converted")
        p_dp, p_rn = batch.estimates["p_dp"].detach(), batch.estimates["p_rn"].detach()
        immediate = 1 - batch.role("delayed_positive")
        positive = 2 + p_dp if self.merged else 1 + immediate * p_dp
        paid, unpaid = target.value, 1 - target.value
        up = paid * positive + unpaid * (1 - p_rn) * p_dp
        down = unpaid * p_rn * (1 + p_dp)
        return target.mean(up * softplus(-logit) + down * softplus(logit))
