"""Log-MAE: absolute error of the amount in log1p space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("log-mae")
class LogAbsoluteError(Objective):
    """Mean of abs(output - log1p(GMV)) over the rows with a GMV (OnlineGMV, WWW 2026, eq. 11).

    The head lives in log1p space, so the loss needs no logarithm of a prediction and keeps its gradient for
    outputs below 0, which are served as 0.
    """

    heads = ("gmv",)
    targets = ("gmv",)

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        gmv = batch.target("gmv")
        return gmv.mean((outputs["gmv"] - gmv.value.log1p()).abs())
