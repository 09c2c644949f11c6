"""MISS: one head a waiting window, and their fusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from learners.networks.multi_window import WINDOW_HEADS
from learners.objectives.base import OBJECTIVES, Objective
from simulator.composite import following

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch

SHARES = ("late_half", "late_two_thirds", "late_whole")
"""Shares of the conversions that come after each window, in the order of its heads."""
BEYOND = (
    ("immediate_positive_2", "immediate_positive_3"),
    ("immediate_positive_3",),
    (),
)
"""Roles of the conversions that each head has not seen when its window closes (policy ``multi-window``)."""


@OBJECTIVES.register("miss")
class MultipleIntervals(Objective):
    """Multi-interval screening and synthesizing (MISS: Liu et al., AAAI 2024), as NetCVR (WWW 2026) sizes it.

    Cross-entropy of three heads, each on the label that a window of a half, two thirds and the whole of the
    observation window shows, delayed positives of the whole window again for all; plus the cross-entropy of
    their fusion (``cvr``) on the last of them. A positive of head i weighs 1 + alpha rho_i, rho_i the share
    of conversions after window i; the fusion takes rho of the whole window.
    """

    heads = ("cvr", *WINDOW_HEADS)
    unserved = WINDOW_HEADS
    targets = ("converted",)
    estimates = following((), lambda part: SHARES if part.alpha else ())

    alpha: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the share of late conversions; above 0 it asks the auxiliary ``late-shares``. The paper tunes it for its
    data; the one public implementation leaves it at 0."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        from torch.nn.functional import softplus

        target = batch.target("converted")
        positive = [1 + self.alpha * batch.estimates[name].detach() if self.alpha else 1.0 for name in SHARES]
        loss = target.cross_entropy(outputs["cvr"], positive[-1])
        for head, beyond, weight in zip(WINDOW_HEADS, BEYOND, positive, strict=True):
            seen = target.value * (1 - batch.role(*beyond))
            logit = outputs[head]
            loss = loss + target.mean(weight * seen * softplus(-logit) + (1 - seen) * softplus(logit))
        return loss

    def on_finals(self) -> Objective:
        return self.model_copy(update={"alpha": 0.0})
