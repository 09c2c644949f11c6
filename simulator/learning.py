"""What the simulator asks of a learner. Nothing here knows torch; `learners/` implements it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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


PREDICTIONS = "predictions"
"""The question that the model published last answers; any other is one that the method's auxiliary answers."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a method.

    Parameters
    ----------
    name : `PREDICTIONS`, or what the auxiliary calls it (``Auxiliary.answers``).
    clicks : those that it is asked about.
    now : an instant for each of them, and ``journey`` its state then; None where clicks are served.
    known : what the asker knows of them besides (a served logit, say), by name.
    """

    name: str
    clicks: Clicks
    now: Int64 | None = None
    journey: JourneyView | None = None
    known: Mapping[str, Float64] = field(default_factory=dict)


class Advisor(Protocol):
    """One method's published model and auxiliary, as its own delay policy may ask and tell them."""

    def ask(self, question: Question) -> Mapping[str, Float64]:
        """Answer by name, one array a name: for `PREDICTIONS` those of each task (`Predictions`)."""

    def tell(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64]) -> None:
        """Hear what the policy believes of clicks as of ``now``, by name.

        It is heard when the clicks of the segment have been served, and before anything is learnt of it.
        """


class Learner(Advisor, Protocol):
    """An online learner with a training copy and a serving copy of its weights."""

    tasks: tuple[str, ...]

    @property
    def adapts(self) -> bool:
        """Whether it learns from what it is told; its answers then depend on when it is asked."""

    def learn(self, samples: Samples) -> None:
        """Take one optimisation step on a mini-batch."""

    def notes(self) -> Mapping[str, Any]:
        """Return what it found in the stream beside its predictions, by name and as plain values."""

    def publish(self, now: int | None = None) -> None:
        """Make the current weights the served ones: those of clicks from ``now`` on, where that is told."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on to the same numbers (tensors and plain values)."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
