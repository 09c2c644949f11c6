"""DDFM: first deliveries and second deliveries, each corrected towards the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from learners.objectives.base import OBJECTIVES, Weighted, Weights

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("ddfm")
class DualStreams(Weighted):
    """Dually enhanced delayed feedback model (DDFM: Dai et al., CIKM 2023), with real-negative delivery.

    The new stream is every click after its window: a negative of it is real with chance p_rn, so it counts
    1 - p_rn as a positive and p_rn as a negative. The duplicate stream is delayed positives and real negatives
    (by their roles): a negative of it counts 1 - z as a positive and z as a negative, z = 1 - p + p_dp, p the online
    model's prediction. All of it without gradient; positives are plain. Either stream alone settles at p.
    """

    estimates = ("p_dp", "p_rn")

    share: Literal["bounded", "signed", "absolute"] = "bounded"
    """What counts as a positive of a certain negative. p >= p_dp by definition; "bounded" holds 1 - z = p - p_dp to it.
    "signed" is the published formula as it stands: below p_dp its slope in the logit is p_dp, whatever p, so that
    nothing stops a prediction on its way to zero. "absolute" is NetCVR's code, |p - p_dp|."""

    def weights(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Weights:
        paid = batch.target("converted").value
        p = outputs["cvr"].detach().sigmoid()
        p_dp, p_rn = batch.estimates["p_dp"].detach(), batch.estimates["p_rn"].detach()
        again = batch.role("delayed_positive", "real_negative")
        z = again * (1 - p + p_dp) + (1 - again) * p_rn
        fake = 1 - z
        if self.share == "bounded":
            fake = fake.clamp(min=0)
            z = 1 - fake
        elif self.share == "absolute":
            fake = fake.abs()
        unpaid = 1 - paid
        return paid + unpaid * fake, unpaid * z

    def deliveries(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        # One after the window, one more for a delayed positive or a real negative.
        return 2 - outputs["cvr"].detach().sigmoid() + batch.estimates["p_dp"].detach()
