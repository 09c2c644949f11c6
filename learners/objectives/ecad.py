"""ECAD: conversions, and conversions that are refunded, both of all clicks and both late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from learners.objectives.base import OBJECTIVES, Objective
from simulator.composite import following

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch, Target

ESTIMATES = ("p_dp", "p_rn", "p_dp_refund", "p_rn_refund")


@OBJECTIVES.register("ecad")
class EffectiveConversion(Objective):
    """Entire space cascade delayed feedback (ECAD, CIKM 2023): P(pays) and P(pays and is refunded), over clicks.

    The head ``cvrfr`` learns from every click, not from the conversions alone that a refund rate has: the effective conversion
    rate is the difference. The loss is not public; ours is the sum of two as in ``es-dfm``, each with its own p_dp (comes
    after the observation window) and p_rn (never comes, if not inside the window), without gradient: w+ = 1 + p_dp and
    w- = (1 + p_dp) p_rn. Policy ``elapsed-refunds`` delivers both labels so.
    """

    weights: Literal["es-dfm", "none"] = "es-dfm"
    """"none": labels as they come, which is right where they are final."""

    heads = ("cvr", "cvrfr")
    targets = ("converted", "refunded")
    estimates = following(ESTIMATES, lambda part: ESTIMATES if part.weights == "es-dfm" else ())

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        converted = self._stage(batch, batch.target("converted"), outputs["cvr"], "")
        return converted + self._stage(batch, _refunded_click(batch), outputs["cvrfr"], "_refund")

    def _stage(self, batch: Batch, label: Target, logit: Tensor, name: str) -> Tensor:
        if self.weights == "none":
            return label.cross_entropy(logit)
        p_dp, p_rn = (batch.estimates[f"{kind}{name}"].detach() for kind in ("p_dp", "p_rn"))
        return label.cross_entropy(logit, 1 + p_dp, (1 + p_dp) * p_rn)

    def on_finals(self) -> Objective:
        return self.model_copy(update={"weights": "none"})


def _refunded_click(batch: Batch) -> Target:
    """Return the label "paid and refunded" of each row: what did not convert was not refunded."""
    samples = batch.samples
    told = ~np.isnan(samples.refunded) | (samples.converted == 0)
    return replace(
        batch.target("refunded"),
        value=batch.tensor(np.nan_to_num(samples.refunded)),
        weight=batch.tensor(np.where(told, samples.weight, 0.0)),
    )
