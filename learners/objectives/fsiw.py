"""FSIW: importance weights for labels that are as old as they happen to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.objectives.base import OBJECTIVES, Weighted, Weights

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("fsiw")
class FeedbackShift(Weighted):
    """Feedback shift importance weighting (Yasui et al., WWW 2020), for clicks delivered once.

    w+ = 1 / P(paid by now | pays) and w- = P(never pays | not paid by now), now being the click's age in the
    sample; both from a frozen auxiliary, without gradient. Each click must come once: delivered late
    positives would be weighed up a second time.
    """

    estimates = ("p_observed", "p_never")

    def weights(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Weights:
        label = batch.target("converted").value
        observed, never = batch.estimates["p_observed"].detach(), batch.estimates["p_never"].detach()
        return 1 / observed * label, never * (1 - label)
