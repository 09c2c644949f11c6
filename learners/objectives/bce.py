"""Plain cross-entropy: the label as delivered is taken for the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("bce")
class CrossEntropy(Objective):
    """Unweighted binary cross-entropy of ``converted``.

    Right where every delivered label is final (oracle, complete). Where a click is delivered as 0 and again
    as 1 at its pay (FNC) the optimum is p / (1 + p), which the link ``odds`` undoes.
    """

    heads = ("cvr",)
    targets = ("converted",)

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        return batch.target("converted").cross_entropy(outputs["cvr"])
