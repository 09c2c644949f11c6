"""The seam of pre-training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from simulator.log.schema import ClickBatch, Float64, Labels
from simulator.parts import Part, Registry

Scale = Literal["logit", "amount"]


class Recipe(Part):
    """Targets on the history's clicks, whose labels are complete.

    A head on the scale "logit" is fitted by cross-entropy, one on the scale "amount" by absolute error;
    each by its mean over the rows that have a target, and the heads' losses add up.
    """

    scales: ClassVar[Mapping[str, Scale]] = {}
    """The heads that are fitted, and the scale of each one's output."""

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        """Return per head one target a click, NaN where there is none. Clicks without any are left out."""
        raise NotImplementedError


RECIPES: Registry[Recipe] = Registry("pre-training recipe", Recipe, "learners.recipes")
