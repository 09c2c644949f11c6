"""A quantile of the amount instead of its median."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("quantile")
class Quantile(Objective):
    """Pinball loss in log1p space (Koenker and Bassett, Econometrica 1978); quantiles keep under a monotone scale.

    At level 1/2 it is half of log-MAE.
    """

    heads = ("gmv",)
    targets = ("gmv",)

    level: Annotated[float, Field(gt=0, lt=1)] = 0.75
    """Share of the amounts that lie below what is learnt."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        gmv = batch.target("gmv")
        short = gmv.value.log1p() - outputs["gmv"]
        return gmv.mean((self.level * short).maximum((self.level - 1) * short))
