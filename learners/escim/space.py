"""ESCIM's space correction: what nobody clicked is labelled with what a click would have come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat

from learners.spaces.base import SPACES
from learners.spaces.ips import CounterfactualInversePropensity

if TYPE_CHECKING:
    from torch import Tensor

    from learners.impressions import Rows


@SPACES.register("escim")
class CounterfactualLabelled(CounterfactualInversePropensity):
    """Entire space counterfactual inference model (ESCIM, ICDM 2025): ESCM2-IPS, and on unclicked impressions the
    cross-entropy of f with the label v that an auxiliary gives (``potential``), over the propensity.

    L = L_ctr + weight_ctcvr L_ctcvr + weight_cvr mean of o e / c + weight_unclicked mean over N of bce(v, f) / c. At the
    published weights an unclicked row pulls a thousandth as hard as a clicked one. v may be soft.
    """

    estimates = ("potential",)

    weight_unclicked: NonNegativeFloat = 1e-4
    """Weight of the loss on what nobody clicked (w_cf)."""

    def loss(self, rows: Rows) -> Tensor:
        labels = rows.batch.estimates["potential"].detach()
        positive, negative = rows.errors()
        told = self.inverse(rows) * rows.unclicked * (labels * positive + (1 - labels) * negative)
        among = rows.unclicked.sum().clamp(min=1)
        return super().loss(rows) + self.weight_unclicked * told.sum() / among
