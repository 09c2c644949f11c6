"""DDFM: first deliveries and second deliveries, each corrected towards the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("ddfm")
class DualStreams(Objective):
    """Dually enhanced delayed feedback model (DDFM: Dai et al., CIKM 2023), with real-negative delivery.

    The new stream is every click after its window: a negative of it is real with chance p_rn, so it counts
    1 - p_rn as a positive and p_rn as a negative. The duplicate stream is delayed positives and real negatives
    (by their roles): a negative of it counts 1 - z as a positive and z as a negative, z = 1 - p + p_dp, p the online
    model's prediction. All of it without gradient; positives are plain. Either stream alone settles at p.
    """

    heads = ("cvr",)
    targets = ("converted",)
    estimates = ("p_dp", "p_rn")

    absolute: bool = False
    """Count |1 - z| as a positive, as NetCVR's code does where p < p_dp would make it negative."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        from torch.nn.functional import softplus  # noqa: PLC0415

        logit, target = outputs["cvr"], batch.target("converted")
        p, p_dp, p_rn = (
            logit.detach().sigmoid(),
            batch.estimates["p_dp"].detach(),
            batch.estimates["p_rn"].detach(),
        )
        again = batch.role("delayed_positive", "real_negative")
        z = again * (1 - p + p_dp) + (1 - again) * p_rn
        fake = (1 - z).abs() if self.absolute else 1 - z
        paid, unpaid = target.value, 1 - target.value
        return target.mean((paid + unpaid * fake) * softplus(-logit) + unpaid * z * softplus(logit))
