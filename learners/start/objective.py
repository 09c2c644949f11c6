"""Pre-training by the method's own objective."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np

from learners.finals import RATES
from learners.heads import PROBABILITY
from learners.objectives import OBJECTIVES, Objective
from learners.start.base import RECIPES, Recipe
from simulator.composite import Nested, following
from simulator.log.schema import ClickBatch, Float64, Labels
from simulator.policies.base import Heard, Policy


@RECIPES.register("objective")
class OwnObjective(Recipe):
    """The method's own objective takes its steps on the final labels of the history's clicks (role "final").

    What it does about delay is left out, since these labels are not late: ``es-dfm``, ``fnw`` and their like are plain
    cross-entropy here. Heads that are the probability of a known label (ctr, cvr, rfr) start at its base rate.
    """

    objective: Annotated[Objective, Nested(OBJECTIVES)] = "bce"  # type: ignore[assignment]
    """What teaches; that of the method unless given."""
    net: bool = False
    """The GMV is what stays after refunds."""
    which: Heard | None = None
    """What is heard of impressions; what the method's policy lets it hear unless given."""

    heads = following(
        {"cvr": PROBABILITY},
        lambda part: {head: PROBABILITY for head in part.objective.heads if head in RATES},
    )

    def for_method(self, objective: Objective, policy: Policy) -> Self:
        own = self.objective if "objective" in self.model_fields_set else objective
        which = policy.impressions if self.which is None else self.which
        return self.model_copy(update={"objective": own.on_finals(), "which": which})

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        known = {
            "cvr": labels.converted.astype(float),
            "cvrfr": labels.refunded.astype(float),
            "rfr": np.where(labels.converted, labels.refunded.astype(float), np.nan),
        }
        untold = np.full(len(clicks), np.nan)
        return {head: known.get(head, untold) for head in self.heads}
