"""FNW: importance weights for clicks delivered as negative at once and as positive again at their pay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from learners.composite import following
from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("fnw")
class FakeNegativeWeighted(Objective):
    """Fake negative weighted loss (Ktena et al., RecSys 2019, eq. 12).

    Of 1 + p deliveries a click, 1 is negative and p positive; the weights w+ = 1 + p and w- = (1 - p)(1 +
    p) bring the stream's density back to p and 1 - p. p is the online model's own prediction, without
    gradient.
    """

    heads = ("cvr",)
    targets = ("converted",)
    estimates = following((), lambda part: ("q_cvr",) if part.rate == "pre-trained" else ())

    rate: Literal["online", "pre-trained"] = "online"
    """Whose prediction p is; that of the model which the stream began with is what NetCVR's code takes."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        logit = outputs["cvr"]
        p = logit.detach().sigmoid() if self.rate == "online" else batch.estimates["q_cvr"].detach()
        return batch.target("converted").cross_entropy(logit, positive=1 + p, negative=(1 - p) * (1 + p))
