"""Keep to a cost per conversion, or to a return on what is spent, by conversions as they arrive."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, PositiveFloat

from simulator.auction.bidders.base import Bidder, Step
from simulator.auction.bidders.registry import bidder
from simulator.log.schema import Float64
from simulator.units import DAY, Duration, PositiveDuration

_FACTOR, _SPENT, _EARNED, _WAITING = range(4)
_TINY = 1e-9


class Target(Bidder):
    """Base of controllers: a factor on the bids falls where more was spent than what arrived allows, and rises where less.

    Spend is known at once, conversions come later: before a sale, when they stop coming, the factor falls although nothing
    is wrong with what was bought.
    """

    steps = True
    hears = True

    target: PositiveFloat
    gain: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Power of the ratio of allowed to spent by which the factor moves at a control step."""
    memory: PositiveDuration = "1d"  # type: ignore[assignment]
    """After this long what was spent, or arrived, counts for 1/e."""
    lag: Duration = "0s"  # type: ignore[assignment]
    """Mean of how much later a spend is counted than it was made, as conversions are later; 0s: at once."""
    trust: PositiveFloat = 10.0
    """Money that is taken to have been spent on target, beside what was spent."""
    recovery: PositiveDuration = "2d"  # type: ignore[assignment]
    """In this long the logarithm of the factor falls to 1/e of itself where nothing speaks for or against it: who stopped
    bidding hears of nothing any more."""
    least: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Of the factor."""
    most: Annotated[float, Field(ge=1)] = 3.0
    """Of the factor."""

    def start(self) -> Float64:
        return np.array([1.0, 0.0, 0.0, 0.0])

    def bids(self, worth: Float64, control: Float64) -> Float64:
        bid: Float64 = worth * (self.allowed(1.0, 1.0) * control[_FACTOR])
        return bid

    def allowed(self, conversions: float, revenue: float) -> float:
        """Return what may be spent for what arrived."""
        raise NotImplementedError

    def step(self, control: Float64, step: Step) -> Float64:
        factor, spent, earned, waiting = control
        fades = np.exp(-step.length * DAY / self.memory)
        waiting += step.spend
        counted = waiting * (-np.expm1(-step.length * DAY / self.lag) if self.lag else 1.0)
        spent = spent * fades + counted
        earned = earned * fades + self.allowed(step.conversions, step.revenue)
        ratio = max(earned + self.trust, _TINY) / (spent + self.trust)
        factor = factor ** np.exp(-step.length * DAY / self.recovery) * ratio**self.gain
        factor = np.clip(factor, self.least, self.most)
        return np.array([factor, spent, earned, waiting - counted])


@bidder("target-cpa")
class TargetCpa(Target):
    """Bid ``target`` for each expected conversion, scaled so that those that arrive cost as much."""

    of = "conversions"

    target: PositiveFloat
    """Money for a conversion."""

    def allowed(self, conversions: float, revenue: float) -> float:
        return self.target * conversions


@bidder("target-roas")
class TargetRoas(Target):
    """Bid the expected revenue over ``target``, scaled so that what arrives is as many times what is spent."""

    of = "revenue"

    target: PositiveFloat
    """Revenue (in the words of ``auction.value``, margin left out) for what is spent."""

    def allowed(self, conversions: float, revenue: float) -> float:
        return revenue / self.target
