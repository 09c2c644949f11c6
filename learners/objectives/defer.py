"""DEFER: importance weights for clicks that are all delivered twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from learners.objectives.base import OBJECTIVES, Weighted, Weights

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch

LEAST = 1e-6
"""What the public code cuts its positive weight off at, from below."""


@OBJECTIVES.register("defer")
class RealNegatives(Weighted):
    """Continuous training with real negatives (DEFER: Gu et al., KDD 2021).

    w+ = p / (p - p_dp / 2) and w- = (1 - p) / (1 - p + p_dp / 2), without gradient: of two deliveries a click
    (policy ``duplicate``), 2 p - p_dp say "paid". p is the online model's prediction, p_dp = P(pays after the
    observation window) comes from an auxiliary.
    """

    estimates = ("p_dp",)

    ratio: Literal["bounded", "signed"] = "bounded"
    """p >= p_dp by definition; "bounded" holds the weights to it, so that w+ is at most 2. "signed" is NetCVR's code: w+ as it
    comes but at least 1e-6, which drives a prediction below p_dp / 2 to zero for good."""

    def weights(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Weights:
        import torch

        label = batch.target("converted").value
        p, p_dp = outputs["cvr"].detach().sigmoid(), batch.estimates["p_dp"].detach()
        if self.ratio == "bounded":
            p = torch.maximum(p, p_dp)
            positive = p / (p - p_dp / 2)
        else:
            positive = (p / (p - p_dp / 2)).clamp(min=LEAST)
        return positive * label, (1 - p) / (1 - p + p_dp / 2) * (1 - label)

    def deliveries(self, batch: Batch, outputs: Mapping[str, Tensor]) -> float:
        return 2.0
