"""``[verdict]``: what a good policy is. None of its keys changes a result, so a finished run can be asked again."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from simulator.auction.settings import Mechanism
from simulator.scenario.base import Block
from simulator.units import Duration, PositiveDuration

Goal = Literal["nll", "calibration", "ranking", "money"]
StretchName = Literal["before", "anticipation", "opening", "day", "after", "all"]
Weight = Annotated[float, Field(ge=0)]


class StretchesBlock(Block):
    """``[verdict.stretches]``: what a stretch weighs where one method serves them all; by default, its rows."""

    before: Weight | None = None
    """Before anything is announced."""
    anticipation: Weight | None = None
    """From the announcement to the opening."""
    opening: Weight | None = None
    """The first hours of the sale (``verdict.opening``)."""
    day: Weight | None = None
    """The whole sale, its opening included."""
    after: Weight | None = None
    """After the sale."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        given = self.given()
        if given and not sum(given.values()):
            raise ValueError("all stretches that are given weigh nothing; give one of them a weight above 0")
        return self

    def given(self) -> dict[str, float]:
        """Return the weights that are written."""
        return {name: weight for name, weight in self.model_dump().items() if weight is not None}


class GuardrailsBlock(Block):
    """``[verdict.guardrails]``: what a method must keep to be served, however small its loss."""

    pcoc: tuple[PositiveFloat, PositiveFloat] | None = None
    """Least and greatest PCOC, in the stretches of ``pcoc_in``."""
    pcoc_in: tuple[StretchName, ...] = ("opening",)
    """Where it holds; where the stream has no such stretch, it holds over all of it."""
    samples_per_click: NonNegativeFloat | None = None
    """The most samples that its policy may deliver for a click."""
    staleness: Duration | None = None
    """How old the served model may be, in the mean; a model that is never updated breaks it."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.pcoc is not None and self.pcoc[0] > self.pcoc[1]:
            raise ValueError(f"pcoc = [{self.pcoc[0]}, {self.pcoc[1]}]: the least comes first")
        return self


class MoneyBlock(Block):
    """``[verdict.money]``: what a click is worth, and how it is bought: value = CVR x amount x margin."""

    amount: PositiveFloat | None = None
    """What a conversion is paid; default: the mean amount of those that were judged."""
    margin: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Share of the amount that a click may cost."""
    mechanism: Mechanism = "second-price"
    """"second-price": the value is bid, and the highest rival bid is paid; "first-price": the bid is paid, and shaded for the
    most that is left of the value."""
    rival: PositiveFloat | None = None
    """Median of the highest rival bid, in the currency; default: the mean value of a click."""
    spread: PositiveFloat = 1.0
    """Standard deviation of the logarithm of the highest rival bid, which is log-normal."""


class VerdictBlock(Block):
    """``[verdict]``: which policy to serve. No key of it changes a result: ``sim.py verdict RUN`` asks again."""

    goal: Goal = "nll"
    """"nll": the loss that ranks a task's methods; "calibration": how far predictions are off, segment by segment; "ranking":
    AUC; "money": what wrong bids cost."""
    opening: PositiveDuration = "6h"  # type: ignore[assignment]
    """How much of a sale is its opening, to whole segments."""
    baseline: str | None = None
    """What is served today; default: the model that is never updated."""
    stretches: StretchesBlock = StretchesBlock()
    """What each stretch weighs."""
    guardrails: GuardrailsBlock = GuardrailsBlock()
    """What a method must keep."""
    money: MoneyBlock = MoneyBlock()
    """How clicks are bought."""
