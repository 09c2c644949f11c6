"""GDFM: carts and early pays as evidence of the label, held near the model that knew final labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat

from learners.objectives.base import OBJECTIVES, Objective
from learners.trajectory.estimator import CART_EVIDENCE, CART_WEIGHT, PAY_EVIDENCE, PAY_WEIGHT
from learners.trajectory.objective import surprise

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("gdfm")
class GeneralisedDelayedFeedback(Objective):
    """Generalised delayed feedback model (GDFM: Yang and Zhan, NeurIPS 2022).

    Each behaviour a_j (a pay or a cart by some horizon) that is visible gives -ln sum_y p(a_j | x, y) p(y | x), weighed by
    exp(-alpha H(y | a_j)) exp(-beta delay_j); p(a | x, y) is the auxiliary's, frozen. Their sum is divided by the number of
    visible horizons of all rows. Beside it stands ``anchor`` KL(q || p), a mean over rows, q being what the model said that was
    fitted on final labels and then left as it was (public code; the paper's "delayed model" is taken to be that).
    """

    heads = ("cvr",)
    targets = ("converted", "horizon")
    estimates = (*PAY_EVIDENCE, *CART_EVIDENCE, *PAY_WEIGHT, *CART_WEIGHT, "q_cvr")

    anchor: NonNegativeFloat = 0.01
    """Weight of the divergence from the model of final labels."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

        logit, row = outputs["cvr"], batch.target("converted").weight
        told = row != 0
        total, looks = logit.new_zeros(()), logit.new_zeros(())
        for evidence, weight in zip(
            (*PAY_EVIDENCE, *CART_EVIDENCE), (*PAY_WEIGHT, *CART_WEIGHT), strict=True
        ):
            weighed = row * batch.estimates[weight].detach()
            total = total + (weighed * surprise(logit, batch.estimates[evidence].detach())).sum()
        for weight in PAY_WEIGHT:
            looks = looks + (told & (batch.estimates[weight] > 0)).sum()
        q = batch.estimates["q_cvr"].detach()
        # KL(q || p) but for the entropy of q, which nothing moves.
        apart = (row * cross_entropy(logit, q, reduction="none")).sum() / told.sum().clamp(min=1)
        return total / torch.clamp(looks, min=1) + self.anchor * apart

    def on_finals(self) -> Objective:
        """Return plain cross-entropy, as the published model is pre-trained."""
        return OBJECTIVES.find("bce")()
