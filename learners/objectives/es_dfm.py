"""ES-DFM: importance weights for elapsed-time sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("es-dfm")
class ElapsedTimeSampling(Objective):
    """Elapsed-time sampling delayed feedback model (Yang et al., AAAI 2021, eq. 15).

    w+ = 1 + p_dp and w- = (1 + p_dp) p_rn, where p_dp = P(pays after the observation window) over all
    clicks and p_rn = P(never pays | no pay inside the window); both from a frozen auxiliary, without
    gradient.
    """

    heads = ("cvr",)
    targets = ("converted",)
    estimates = ("p_dp", "p_rn")

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        p_dp, p_rn = batch.estimates["p_dp"].detach(), batch.estimates["p_rn"].detach()
        sampled = 1 + p_dp  # deliveries per click: one after the window, one more for a delayed positive
        return batch.target("converted").cross_entropy(
            outputs["cvr"], positive=sampled, negative=sampled * p_rn
        )
