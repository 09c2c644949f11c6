"""The seam of pre-training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import PrivateAttr

from learners.heads import Head
from simulator.calendar import NO_PROMOTIONS, Calendar
from simulator.log.schema import Bool, ClickBatch, EventBatch, Float64, Int64, Labels
from simulator.parts import Part, Registry
from simulator.units import Duration

if TYPE_CHECKING:
    from torch import Tensor

    from learners.objectives import Objective
    from simulator.policies import Policy


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
    """Targets on the history's clicks, whose labels are complete."""

    heads: ClassVar[Mapping[str, Head]] = {}
    """The heads that are fitted, and what each one's output means."""
    inputs: ClassVar[tuple[str, ...]] = ()
    """Numbers that the network takes beside the features of the click."""
    uses_events: ClassVar[bool] = False
    """Whether it reads the events of the journeys, and not their final labels alone."""
    rehearsals: ClassVar[int] = 0
    """How many times the method's own objective then goes over the final labels of the history, with its auxiliary, its
    network as it is in the stream, and the stream's rates and batches. Heads that are not fitted here start at base rates."""
    held_out: ClassVar[bool] = False
    """Whether the last promotion of the history is held out first, to see how many passes are enough: of the rehearsals, or of
    pre-training where there are none (`learners.stopping`). Then all of the history is gone over so often."""
    uses_calendar: ClassVar[bool] = False
    """Whether its targets depend on the promotions or the local time, so that another calendar is another model."""

    def completed(self, observation: int) -> Self:
        """Return a copy in which windows left open are the observation window (of the method's policy)."""
        return self

    def for_method(self, objective: Objective, policy: Policy) -> Self:
        """Return a copy in which what is left open is as the method's objective and policy have it."""
        return self

    def on(self, calendar: Calendar, end: int) -> Self:
        """Return a copy that knows the promotions, those to come included, and when the history ends (`CalendarRecipe`)."""
        return self

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        """Return per head one target a click, NaN where there is none. Clicks without any are left out."""
        raise NotImplementedError

    def examples(self, clicks: ClickBatch, labels: Labels, events: EventBatch) -> Examples:
        """Return the examples of consecutive clicks.

        ``events`` are those of these clicks that fall inside the windows, in order of (row, time, kind, id); none
        where the recipe does not use them.
        """
        return Examples(self.targets(clicks, labels))

    def loss(self, outputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        """Return the loss of a batch: each head's mean over the examples that have a target, added up.

        ``outputs`` are the raw outputs per head, shape (B,); ``targets`` per head the targets (0 where there is none)
        and which examples have one. A head without any adds 0.
        """
        parts = []
        for name, head in self.heads.items():
            value, told = targets[name]
            parts.append((head.losses(outputs[name], value) * told).sum() / told.sum().clamp(min=1))
        return sum(parts[1:], start=parts[0])


class WindowedRecipe(Recipe):
    """A recipe whose targets depend on the observation window."""

    window: Duration | None = None
    """The observation window; that of the method's policy, or of the scenario, unless given."""

    def completed(self, observation: int) -> Self:
        return self if self.window is not None else self.model_copy(update={"window": observation})

    def paid_within(self, clicks: ClickBatch, labels: Labels, window: int) -> Bool:
        """Tell which clicks paid at most ``window`` after they happened."""
        inside: Bool = labels.converted & (labels.first_pay - clicks.time <= window)
        return inside


class CalendarRecipe(Recipe):
    """A recipe whose targets depend on the promotions or the local time: ``self.calendar`` has both."""

    uses_calendar = True

    _calendar: Calendar = PrivateAttr(default=NO_PROMOTIONS)

    def on(self, calendar: Calendar, end: int) -> Self:
        own = self.model_copy()
        own._calendar = calendar  # noqa: SLF001 - another copy of this very class
        return own

    @property
    def calendar(self) -> Calendar:
        """The promotions and the log's clock; none, and UTC, where nobody has told it."""
        return self._calendar


def rows_of(examples: Examples, heads: Mapping[str, Head]) -> tuple[Float64, Int64]:
    """Return the targets as one matrix (examples, heads), and the examples that have any."""
    targets = np.stack([examples.targets[head] for head in heads], axis=1)
    return targets, np.flatnonzero(~np.isnan(targets).all(axis=1))


RECIPES: Registry[Recipe] = Registry("pre-training recipe", "recipes", "learners.start", Recipe)
