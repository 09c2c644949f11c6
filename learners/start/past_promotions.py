"""Any pre-training, with more weight on the weeks before earlier sales."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import NonNegativeFloat, PositiveInt, model_validator

from learners.heads import PROBABILITY
from learners.start.base import RECIPES, CalendarRecipe, Examples, Recipe
from learners.start.objective import OwnObjective
from simulator.calendar import Calendar
from simulator.composite import Nested, following
from simulator.log.schema import ClickBatch, EventBatch, Int64, Labels
from simulator.prepromotion import PrePromotion
from simulator.randomness import draws

if TYPE_CHECKING:
    from torch import Tensor

    from learners.objectives import Objective
    from simulator.policies import Policy


@RECIPES.register("past-promotions")
class PastPromotions(CalendarRecipe):
    """Another recipe, on a history in which past promotions count more: what the papers call reuse.

    A click of the pre-promotion window of a past promotion counts ``before`` times, one inside its sale ``sale`` times, any
    other ``ordinary`` times. Past are those whose sale was over when the history ended: of the coming one nothing is known. A
    weight is how often a click is among the examples, so that it means the same to every recipe; of a part of 1, as many
    clicks are taken as it says, and always the same ones.
    """

    recipe: Annotated[Recipe, Nested(RECIPES)] = "cvr"  # type: ignore[assignment]
    """What is pre-trained: any recipe but ``objective`` (and this one)."""
    before: NonNegativeFloat = 1.0
    """Weight of clicks in the pre-promotion windows of past promotions. Above 1 they come again in one pass, and embeddings of
    rare ids learn them by heart."""
    sale: NonNegativeFloat = 0.2
    """Weight of clicks inside the sales themselves."""
    ordinary: NonNegativeFloat = 0.2
    """Weight of all other clicks."""
    latest: PositiveInt | None = None
    """How many of the past promotions count, the latest ones; all unless given."""
    stop_early: bool = False
    """Whether passes end where the last past promotion, held out at first, is foretold worse; there are at most so many as
    else: [learner] pretrain_epochs, or those that the recipe says."""

    heads = following({"cvr": PROBABILITY}, lambda part: part.recipe.heads)
    inputs = following((), lambda part: part.recipe.inputs)
    rehearsals = following(0, lambda part: part.recipe.rehearsals)
    uses_events = following(False, lambda part: part.recipe.uses_events)
    held_out = following(False, lambda part: part.stop_early or part.recipe.held_out)

    @model_validator(mode="after")
    def _weighs_examples(self) -> Self:
        if isinstance(self.recipe, OwnObjective | PastPromotions):
            able = ", ".join(name for name in RECIPES if name not in (self.recipe.kind, self.kind))
            raise ValueError(f"recipe = {self.recipe.kind!r} has no examples to weigh; allowed: {able}")  # noqa: TRY004 - what pydantic reports
        if not any((self.before, self.sale, self.ordinary)):
            raise ValueError("before, sale and ordinary are all 0, so that nothing is left to learn from")
        return self

    def completed(self, observation: int) -> Self:
        return self.model_copy(update={"recipe": self.recipe.completed(observation)})

    def for_method(self, objective: Objective, policy: Policy) -> Self:
        return self.model_copy(update={"recipe": self.recipe.for_method(objective, policy)})

    def on(self, calendar: Calendar, end: int) -> Self:
        over = [promotion for promotion in calendar.promotions if promotion.end <= end]
        past = Calendar.of(over[-self.latest :] if self.latest else over, calendar.clock)
        own = super().on(past, end)
        return own.model_copy(update={"recipe": self.recipe.on(calendar, end)})

    def examples(self, clicks: ClickBatch, labels: Labels, events: EventBatch) -> Examples:
        found = self.recipe.examples(clicks, labels, events)
        click = np.arange(len(clicks)) if found.click is None else found.click
        chosen = np.repeat(np.arange(len(click)), self.counts(clicks)[click])
        return Examples(
            {head: np.asarray(values)[chosen] for head, values in found.targets.items()},
            click[chosen],
            None if found.inputs is None else found.inputs[chosen],
        )

    def counts(self, clicks: ClickBatch) -> Int64:
        """Return how often each click is among the examples."""
        weight = np.full(len(clicks), self.ordinary)
        weight[self.calendar.in_sale(clicks.time)] = self.sale
        weight[PrePromotion(self.calendar).inside(clicks.time)] = self.before
        row = clicks.row + np.arange(len(clicks))
        return np.floor(weight + draws(row, "learners", "start", self.kind)).astype(np.int64)

    def loss(self, outputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        return self.recipe.loss(outputs, targets)
