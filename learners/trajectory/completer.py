"""The retrospective completer: how a life that was seen in part ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from learners.heads import PROBABILITY
from learners.start.base import Examples, Recipe
from learners.trajectory.horizons import States
from simulator.composite import following
from simulator.log.schema import ClickBatch, EventBatch, Float64, Labels
from simulator.units import PositiveDuration

GOLDEN = (5**0.5 - 1) / 2
"""Its multiples, less their whole parts, fill [0, 1) evenly however many are taken."""


class Completer(Recipe):
    """q(y | x, what was seen up to a horizon), fitted on whole lives that are cut at a horizon each (TRACE, SIGIR 2026).

    The network reads beside the features, for each horizon, whether it was seen, what was known by it, and whether it was the
    last one seen. The published cut is drawn anew for each click; here it is spread evenly over the horizons.
    """

    kind: ClassVar[str] = "completer"
    heads = {"completed": PROBABILITY}
    inputs = following((), lambda part: part.names())
    uses_events = True

    ages: tuple[PositiveDuration, ...] = ()
    """Ages of the horizons before the close."""

    def names(self) -> tuple[str, ...]:
        """Return the names of the inputs."""
        each = range(1, len(self.ages) + 2)
        return tuple(f"{what}_{h}" for what in ("seen", "paid", "carted", "last") for h in each)

    def examples(self, clicks: ClickBatch, labels: Labels, events: EventBatch) -> Examples:
        whole = States.of_history(clicks, events, self.ages)
        spread = (clicks.row + np.arange(len(clicks))) * GOLDEN % 1
        states = whole.cut(1 + np.floor(spread * (len(self.ages) + 1)))
        return Examples({"completed": labels.converted.astype(np.float64)}, inputs=told(states, self.ages))


def told(states: States, ages: Sequence[int]) -> Float64:
    """Return the inputs of clicks, shape (n, number of inputs): numbers of 0 and 1."""
    each = np.arange(1, len(ages) + 2)
    seen = states.seen[:, None] >= each
    known = [(first[:, None] <= each) & seen for first in (states.paid, states.carted)]
    last = states.seen[:, None] == each
    inputs: Float64 = np.concatenate([seen, *known, last], axis=1).astype(np.float64)
    return inputs
