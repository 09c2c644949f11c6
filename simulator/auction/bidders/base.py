"""The seam of an auction: a bidder turns what impressions are worth into bids, and may learn from what comes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from simulator.log.schema import Bool, Float64
from simulator.parts import Part

Of = Literal["value", "conversions", "revenue"]


@dataclass(frozen=True, slots=True)
class Step:
    """What a campaign knows at the end of a control step, of that step.

    Parameters
    ----------
    offered, won : impressions.
    spend : money; it is known at once.
    conversions, revenue : what arrived, of clicks of any age: first pays, and what they brought (in the words of
        ``auction.value``, margin left out; less what was returned, where that is counted).
    budget, left : of the day, and what is left of it; infinite without a budget.
    past : the part of the local day that is over, in (0, 1].
    length : of the step, as a part of a day.
    """

    offered: float
    won: float
    spend: float
    conversions: float
    revenue: float
    budget: float
    left: float
    past: float
    length: float


class Bidder(Part):
    """Base of bidders. Fields are parameters; what is learnt is a row of numbers, ``control``, one a campaign."""

    of: ClassVar[Of] = "value"
    """What is bid for: the expected value (margin included), expected conversions, or the expected revenue."""
    steps: ClassVar[bool] = False
    """Whether it acts at control steps."""
    hears: ClassVar[bool] = False
    """Whether it goes by conversions as they arrive."""
    learns: ClassVar[bool] = False
    """Whether it learns from which bids won (`learn`)."""

    def start(self) -> Float64:
        """Return ``control`` as it is in the beginning."""
        return np.zeros(0)

    def bids(self, worth: Float64, control: Float64) -> Float64:
        """Return the bids for impressions by what they are worth; any shape."""
        raise NotImplementedError

    def enters(self, control: Float64) -> float:
        """Return with which chance it bids for an impression at all."""
        return 1.0

    def step(self, control: Float64, step: Step) -> Float64:
        """Return ``control`` after a control step."""
        return control

    def learn(self, control: Float64, bids: Float64, won: Bool) -> Float64:
        """Return ``control`` after bids were cleared."""
        return control
