"""What the simulator asks of a learner. Nothing here knows torch; `learners/` implements it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from simulator.log.schema import Columns, Float64, Int32, Int64
from simulator.samples import Samples

if TYPE_CHECKING:
    from simulator.engine.batch import JourneyView

Predictions = Mapping[str, Float64]
"""One array of predictions per task that the learner serves (`simulator.evaluation.tasks.TASKS`).

cvr: P(pay | click); rfr: P(refund | pay); netcvr: P(pay and no refund | click); gmv: E[GMV | click, pay]
(or its median); netgmv: the same after refunds; repurchase: P(pays again | pay); value: E[GMV | click].
"""


@dataclass(slots=True)
class Clicks(Columns):
    """Clicks, any of the log's: their positions in it, their times, and the columns of their features, shape (n, C)."""

    row: Int64
    time: Int64
    features: Int32


class Advisor(Protocol):
    """One method's published model, offset and auxiliary, as its own delay policy may ask them."""

    @property
    def adapts(self) -> bool:
        """Whether offset or auxiliary learn from what they are told by `heed`."""

    def predict(self, clicks: Clicks) -> Predictions:
        """Predict with the weights published last."""

    def estimate(
        self, clicks: Clicks, now: Int64, journey: JourneyView, known: Mapping[str, Float64]
    ) -> Mapping[str, Float64]:
        """Return the auxiliary's estimates for open journeys as of ``now``, by name.

        ``journey`` is their state then, ``known`` what the policy knows besides (a served logit, say).
        """

    def heed(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        """Tell what the policy believes of journeys whose window is open, those that have paid included.

        ``known`` are ``prior``, the log odds that were served; ``evidence``, the log likelihood ratio of what the journey
        has shown by ``now`` (infinite once paid); ``previous``, that of the last segment's end (NaN where there was none).
        It is heard when the clicks of the segment have been served, and before anything is learnt of it.
        """


class Learner(Protocol):
    """An online learner with a training copy and a serving copy of its weights."""

    tasks: tuple[str, ...]

    @property
    def adapts(self) -> bool:
        """See `Advisor`; its estimates then depend on when it is asked."""

    def learn(self, samples: Samples) -> None:
        """Take one optimisation step on a mini-batch."""

    def publish(self) -> None:
        """Make the current weights the served ones."""

    def predict(self, clicks: Clicks) -> Predictions:
        """Predict with the weights published last."""

    def estimate(
        self, clicks: Clicks, now: Int64, journey: JourneyView, known: Mapping[str, Float64]
    ) -> Mapping[str, Float64]:
        """Return the auxiliary's estimates for open journeys; see `Advisor`."""

    def heed(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        """Take note of what the policy believes; see `Advisor`."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on to the same numbers (tensors and plain values)."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
