"""Log-MAE of two towers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.objectives.base import OBJECTIVES, Objective
from learners.routing import Zones, known_route, mixed

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("routed-log-mae")
class RoutedLogAbsoluteError(Zones, Objective):
    """Mean of abs(output - log1p(GMV)), the output being that of the tower, or the mixture, to which a click is routed.

    The label is the GMV as delivered (Online-, Offline- and Oracle-Dual of OnlineGMV, WWW 2026). Who pays again is
    known of second pays and of final labels; else the auxiliary says it, without gradient.
    """

    heads = ("gmv_single", "gmv_repurchase")
    targets = ("gmv",)
    estimates = ("repurchase",)

    balanced: bool = False
    """Add the means of both classes up instead of taking one mean over all (public code of Oracle-Dual)."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        gmv = batch.target("gmv")
        share = self.share(known_route(batch, batch.estimates["repurchase"].detach()))
        predicted = mixed(outputs["gmv_single"], outputs["gmv_repurchase"], share)
        errors = (predicted - gmv.value.log1p()).abs()
        if not self.balanced:
            return gmv.mean(errors)
        again = (share > 0.5).to(errors.dtype)
        return gmv.mean(errors, 1 - again) + gmv.mean(errors, again)
