"""What the simulator asks of a learner. Nothing here knows torch; `learners/` implements it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from simulator.log.schema import Float64, Int32
from simulator.samples import Samples

Predictions = Mapping[str, Float64]
"""One array of predictions per task that the learner serves (`simulator.evaluation.tasks.TASKS`).

cvr: P(pay | click); rfr: P(refund | pay); netcvr: P(pay and no refund | click); gmv: E[GMV | click, pay].
"""


class Learner(Protocol):
    """An online learner with a training copy and a serving copy of its weights."""

    tasks: tuple[str, ...]

    def learn(self, samples: Samples, features: Int32) -> None:
        """Take one optimisation step on a mini-batch; ``features[i]`` belongs to sample ``i``."""

    def publish(self) -> None:
        """Make the current weights the served ones."""

    def predict(self, features: Int32) -> Predictions:
        """Predict with the weights published last."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on to the same numbers (tensors and plain values)."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
