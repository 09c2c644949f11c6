"""Plain cross-entropy: the label as delivered is taken for the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from learners.objectives.base import OBJECTIVES, Weighted, Weights
from simulator.composite import following

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch

HEADS = {"converted": "cvr", "refunded": "rfr"}
"""The head that says each label."""


@OBJECTIVES.register("bce")
class CrossEntropy(Weighted):
    """Unweighted binary cross-entropy of ``converted``, or of ``refunded``.

    Right where every delivered label is final (oracle, complete). Where a click is delivered as 0 and again
    as 1 at its pay (FNC) the optimum is p / (1 + p), which the link ``odds`` undoes. Every baseline of NetCVR
    (WWW 2026) treats refunds so: a conversion is delivered as "not refunded" and again as refunded.
    """

    of: Literal["converted", "refunded"] = "converted"
    """The label; rows where it is null are left out."""

    heads = following(("cvr",), lambda part: (HEADS[part.of],))
    targets = following(("converted",), lambda part: (part.of,))

    def weights(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Weights:
        label = batch.target(self.of).value
        return label, 1 - label
