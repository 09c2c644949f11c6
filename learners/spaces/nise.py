"""NISE: what nobody clicked is unlabelled, and taken at the model's own word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat, PositiveFloat

from learners.spaces.base import SPACES, Space

if TYPE_CHECKING:
    from torch import Tensor

    from learners.impressions import Rows


@SPACES.register("nise")
class Unlabelled(Space):
    """Non-click samples as unlabelled ones (NISE): L_cvr = w mean of [o e + (1 - o) H(f)].

    H(f) is the cross-entropy of f with itself as a soft label, which is its entropy: minimised, it makes predictions on what
    nobody clicked more certain, which at low rates is nearer to 0. w = ``alpha`` min(L_ctr / mean, ``beta``), without
    gradient, brings the loss to the size of L_ctr.
    """

    alpha: NonNegativeFloat = 1.0
    """Size of the loss, as a multiple of L_ctr."""
    beta: PositiveFloat = 10.0
    """The largest ratio of L_ctr to the loss that is made up for."""
    stop_gradient: bool = False
    """The soft label is a constant: the entropy then has no slope at all, and unclicked rows teach nothing."""

    def cvr(self, rows: Rows) -> Tensor:
        said = rows.outputs["cvr"].sigmoid()
        if self.stop_gradient:
            said = said.detach()
        positive, negative = rows.errors()
        entropy = said * positive + (1 - said) * negative
        loss = rows.mean(rows.observed_errors() + rows.unclicked * entropy)
        ratio = rows.ctr().detach() / loss.detach().clamp(min=LEAST)
        # Of a batch of retractions L_ctr may be negative.
        return self.alpha * ratio.clamp(min=0, max=self.beta) * loss


LEAST = 1e-12
