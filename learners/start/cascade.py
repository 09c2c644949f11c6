"""Pre-training of the cascade: conversion rate and refund rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np

from learners.heads import PROBABILITY
from learners.start.base import RECIPES, Examples, Recipe
from simulator.composite import Nested, following
from simulator.log.schema import ClickBatch, EventBatch, Float64, Labels

if TYPE_CHECKING:
    from torch import Tensor


@RECIPES.register("cascade")
class CascadeRates(Recipe):
    """Cross-entropy of the final conversion label on every click, and of the final refund label on those that converted.

    Both are divided by the number of clicks, so that embeddings which both towers share hear of refunds as often
    as there are conversions (NetCVR, WWW 2026).
    """

    conversion: Annotated[Recipe, Nested(RECIPES)] = "cvr"  # type: ignore[assignment]
    """How the conversion tower is pre-trained."""

    heads = following(
        {"cvr": PROBABILITY, "rfr": PROBABILITY}, lambda part: {**part.conversion.heads, "rfr": PROBABILITY}
    )
    inputs = following((), lambda part: part.conversion.inputs)
    uses_events = following(general=False, own=lambda part: part.conversion.uses_events)

    def completed(self, observation: int) -> Self:
        return self.model_copy(update={"conversion": self.conversion.completed(observation)})

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        return {**self.conversion.targets(clicks, labels), "rfr": _refunded(labels)}

    def examples(self, clicks: ClickBatch, labels: Labels, events: EventBatch) -> Examples:
        own = self.conversion.examples(clicks, labels, events)
        refunded = _refunded(labels) if own.click is None else _refunded(labels)[own.click]
        return replace(own, targets={**own.targets, "rfr": refunded})

    def loss(self, outputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        value, told = targets["rfr"]
        refund = (PROBABILITY.losses(outputs["rfr"], value) * told).mean()
        return self.conversion.loss(outputs, targets) + refund


def _refunded(labels: Labels) -> Float64:
    return np.where(labels.converted, labels.refunded.astype(float), np.nan)
