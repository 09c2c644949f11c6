"""The two classifiers of FSIW."""

from __future__ import annotations

from typing import Self

import numpy as np

from learners.auxiliary.base import AUXILIARIES, FittedAuxiliary
from learners.heads import PROBABILITY
from learners.start.base import Examples
from simulator.log.schema import ClickBatch, EventBatch, Float64, Int64, Labels
from simulator.samples import Samples
from simulator.units import Duration

GOLDEN = (5**0.5 - 1) / 2
"""Its multiples, less their whole parts, fill [0, 1) evenly however many are taken."""
SHORTEST, LONGEST = -1, 4
"""Ages that the classifiers are fitted for: window * 4 to the power of these."""
KNOTS = np.arange(SHORTEST, LONGEST + 1)


@AUXILIARIES.register("feedback-shift")
class FeedbackShift(FittedAuxiliary):
    """Labels as they would have been seen before a counterfactual deadline (Yasui et al., WWW 2020).

    ``p_observed`` is P(paid by the deadline | pays), fitted on the clicks that paid; ``p_never`` is P(never pays | not
    paid by the deadline), fitted on those that had not. The age of the click at the deadline goes into the network
    as how near its logarithm is to each of six knots, one of them the window.
    The paper has one deadline for a whole snapshot, days before its end; a stream asks at every age, and mostly at
    that of its window, so here each click has two deadlines of its own: when it is as old as the window, and at an
    age spread evenly in its logarithm from a quarter of the window to 256 windows.
    """

    heads = {"p_observed": PROBABILITY, "p_never": PROBABILITY}
    inputs = tuple(f"age_{knot}" for knot in KNOTS)

    window: Duration | None = None
    """The observation window; that of the method's policy, or of the scenario, unless given."""

    def completed(self, observation: int) -> Self:
        return self if self.window is not None else self.model_copy(update={"window": observation})

    def examples(self, clicks: ClickBatch, labels: Labels, events: EventBatch) -> Examples:
        assert self.window is not None, "completed() comes before examples()"
        n = len(clicks)
        spread = (clicks.row + np.arange(n)) * GOLDEN % 1
        power = SHORTEST + (LONGEST - SHORTEST) * np.concatenate([np.full(n, np.nan), spread])
        age = np.where(np.isnan(power), self.window, np.rint(self.window * 4.0**power)).astype(np.int64)
        click = np.tile(np.arange(n), 2)
        pays = labels.converted[click]
        paid = pays & (labels.first_pay[click] - clicks.time[click] <= age)
        return Examples(
            {
                "p_observed": np.where(pays, paid, np.nan),
                "p_never": np.where(paid, np.nan, ~pays),
            },
            click,
            self._inputs(age),
        )

    def sample_inputs(self, samples: Samples) -> Float64:
        return self._inputs(samples.elapsed)

    def _inputs(self, age: Int64) -> Float64:
        assert self.window is not None, "completed() comes before any input"
        power = np.log(np.maximum(age, 1) / max(self.window, 1)) / np.log(4)
        near = np.clip(power, SHORTEST, LONGEST)[:, None] - KNOTS
        inputs: Float64 = np.maximum(1 - np.abs(near), 0)
        return inputs
