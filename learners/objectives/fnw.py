"""FNW: importance weights for clicks delivered as negative at once and as positive again at their pay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from learners.objectives.base import OBJECTIVES, Weighted, Weights
from simulator.composite import following

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("fnw")
class FakeNegativeWeighted(Weighted):
    """Fake negative weighted loss (Ktena et al., RecSys 2019, eq. 12).

    Of 1 + p deliveries a click, 1 is negative and p positive; the weights w+ = 1 + p and w- = (1 - p)(1 +
    p) bring the stream's density back to p and 1 - p. p is the online model's own prediction, without
    gradient.
    """

    estimates = following((), lambda part: ("q_cvr",) if part.rate == "pre-trained" else ())

    rate: Literal["online", "pre-trained"] = "online"
    """Whose prediction p is; that of the model which the stream began with is what NetCVR's code takes."""

    def weights(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Weights:
        label, p = batch.target("converted").value, self._rate(batch, outputs)
        return (1 + p) * label, (1 - p) * (1 + p) * (1 - label)

    def deliveries(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        return 1 + self._rate(batch, outputs)

    def _rate(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        online = self.rate == "online"
        return outputs["cvr"].detach().sigmoid() if online else batch.estimates["q_cvr"].detach()
