"""Direct: the net conversion rate as one label, beside the conversion rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch, Target


@OBJECTIVES.register("direct")
class Direct(Objective):
    """Cross-entropy of ``converted`` and, on a tower of its own, of "converted and not refunded".

    The arm that NetCVR (WWW 2026, table 1) compares the cascade with. A row that says "refunded" alone is a
    net negative once more, a row that says "not refunded" alone is left out: its conversion was told before.
    With fake-negative delivery the optimum is p / (1 + p + p r) where p (1 - r) is true: a refunded conversion leaves
    one positive and two negatives.
    """

    heads = ("cvr", "netcvr")
    targets = ("converted", "refunded")

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        cvr = batch.target("converted").cross_entropy(outputs["cvr"])
        return cvr + net_target(batch).cross_entropy(outputs["netcvr"])


def net_target(batch: Batch) -> Target:
    """Return the net label of each row: 1 where it says of a conversion nothing of a refund, else 0."""
    samples = batch.samples
    converted, refunded = samples.converted, np.nan_to_num(samples.refunded)
    told = ~np.isnan(converted) | (refunded > 0)
    return replace(
        batch.target("converted"),
        value=batch.tensor(np.nan_to_num(converted) * (1 - refunded)),
        weight=batch.tensor(np.where(told, samples.weight, 0.0)),
    )
