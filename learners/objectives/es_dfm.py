"""ES-DFM: importance weights for elapsed-time sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.objectives.base import OBJECTIVES, Weighted, Weights

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("es-dfm")
class ElapsedTimeSampling(Weighted):
    """Elapsed-time sampling delayed feedback model (Yang et al., AAAI 2021, eq. 15).

    w+ = 1 + p_dp and w- = (1 + p_dp) p_rn, where p_dp = P(pays after the observation window) over all
    clicks and p_rn = P(never pays | no pay inside the window); both from a frozen auxiliary, without
    gradient.
    """

    estimates = ("p_dp", "p_rn")

    def weights(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Weights:
        label, p_rn = batch.target("converted").value, batch.estimates["p_rn"].detach()
        sampled = self.deliveries(batch, outputs)
        return sampled * label, sampled * p_rn * (1 - label)

    def deliveries(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        # One after the window, one more for a delayed positive.
        return 1 + batch.estimates["p_dp"].detach()
