"""The seam of pre-training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from learners.heads import Head
from simulator.log.schema import ClickBatch, EventBatch, Float64, Int64, Labels
from simulator.parts import Part, Registry


@dataclass(frozen=True, slots=True)
class Examples:
    """Training examples that some clicks give.

    Parameters
    ----------
    targets : per head one target an example, NaN where there is none; examples without any are left out.
    click : the position among the clicks of each example's own; None: one example a click, in order.
    inputs : numbers beside the features, shape (examples, number of ``Recipe.inputs``); None where there are none.
    """

    targets: Mapping[str, Float64]
    click: Int64 | None = None
    inputs: Float64 | None = None


class Recipe(Part):
    """Targets on the history's clicks, whose labels are complete.

    Each head is fitted by its mean loss over the examples that have a target, and the heads' losses add up.
    """

    heads: ClassVar[Mapping[str, Head]] = {}
    """The heads that are fitted, and what each one's output means."""
    inputs: ClassVar[tuple[str, ...]] = ()
    """Numbers that the network takes beside the features of the click."""
    uses_events: ClassVar[bool] = False
    """Whether it reads the events of the journeys, and not their final labels alone."""

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        """Return per head one target a click, NaN where there is none. Clicks without any are left out."""
        raise NotImplementedError

    def examples(self, clicks: ClickBatch, labels: Labels, events: EventBatch) -> Examples:  # noqa: ARG002
        """Return the examples of consecutive clicks.

        ``events`` are those of these clicks that fall inside the windows, in order of (row, time, kind, id); none
        where the recipe does not use them.
        """
        return Examples(self.targets(clicks, labels))


def rows_of(examples: Examples, heads: Mapping[str, Head]) -> tuple[Float64, Int64]:
    """Return the targets as one matrix (examples, heads), and the examples that have any."""
    targets = np.stack([examples.targets[head] for head in heads], axis=1)
    return targets, np.flatnonzero(~np.isnan(targets).all(axis=1))


RECIPES: Registry[Recipe] = Registry("pre-training recipe", Recipe, "learners.recipes")
