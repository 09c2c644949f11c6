"""DEFUSE: one weight for each kind of delivery, fake negatives corrected before they are weighted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.objectives.base import OBJECTIVES, Weighted, Weights

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("defuse")
class UnbiasedEstimation(Weighted):
    """Delayed feedback modeling with unbiased estimation (DEFUSE: Chen et al., WWW 2022).

    With elapsed-time delivery: an immediate positive weighs 1 + p_dp, a delayed positive (by its role) 1. An observed
    negative is a fake one with chance z = 1 - p_rn, and counts z p_dp as a positive and (1 - z) (1 + p_dp) as a
    negative. p_dp = P(pays after the observation window), p_rn = P(never pays | no pay inside it), both
    from a frozen auxiliary, without gradient.
    """

    estimates = ("p_dp", "p_rn")

    merged: bool = False
    """Every positive carries both positive weights, 2 + p_dp, as in the public code: what settles is above p."""

    def weights(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Weights:
        paid = batch.target("converted").value
        p_dp, p_rn = batch.estimates["p_dp"].detach(), batch.estimates["p_rn"].detach()
        immediate = 1 - batch.role("delayed_positive")
        positive = 2 + p_dp if self.merged else 1 + immediate * p_dp
        unpaid = 1 - paid
        up = paid * positive + unpaid * (1 - p_rn) * p_dp
        down = unpaid * p_rn * (1 + p_dp)
        return up, down

    def deliveries(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        return 1 + batch.estimates["p_dp"].detach()
