"""Make a budget last the day."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simulator.auction.bidders.base import Bidder, Step
from simulator.auction.bidders.registry import bidder
from simulator.log.schema import Float64

_HOURS = 24
_LEAST = 1e-3


@bidder("paced")
class Paced(Bidder):
    """Spend a day's budget as impressions come: the worth is scaled down, or some impressions are let pass.

    At every control step the factor (or the chance to take part) moves by what was spent against what should have been: the
    part of what was left that the step's traffic is of the traffic to come, by the hours of the days before. It is
    never above 1, and without a budget it is 1.
    """

    steps = True

    method: Literal["multiplicative", "throttling"] = "multiplicative"
    """"multiplicative": all bids are scaled; "throttling": bids are whole, and not made for every impression."""
    gain: Annotated[float, Field(gt=0, le=2)] = 0.3
    """By how much the logarithm of the factor moves where nothing was spent, or twice as much as should have been."""
    memory: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Weight of today among the days by which an hour's traffic is told."""

    def start(self) -> Float64:
        return np.concatenate([[1.0], np.zeros(_HOURS)])

    def bids(self, worth: Float64, control: Float64) -> Float64:
        return worth if self.method == "throttling" else worth * control[0]

    def enters(self, control: Float64) -> float:
        return float(control[0]) if self.method == "throttling" else 1.0

    def step(self, control: Float64, step: Step) -> Float64:
        if not np.isfinite(step.budget):
            return control
        begun = step.past - step.length
        hour = min(int((begun + step.length / 2) * _HOURS), _HOURS - 1)
        share = min(_traffic(control[1:], begun, step.past) / _traffic(control[1:], begun, 1.0), 1.0)
        planned = max((step.left + step.spend) * share, step.budget * 1e-6)
        over = np.clip(step.spend / planned - 1, -1.0, 1.0)
        control = control.copy()
        control[0] = np.clip(control[0] * np.exp(-self.gain * over), _LEAST, 1.0)
        rate = step.offered / step.length
        control[1 + hour] += (self.memory if control[1 + hour] else 1.0) * (rate - control[1 + hour])
        return control


def _traffic(rates: Float64, begin: float, end: float) -> float:
    """Return the impressions expected between two parts of the day; hours that were never seen are like the others."""
    seen = rates[rates > 0]
    rates = np.where(rates > 0, rates, seen.mean() if len(seen) else 1.0)
    total = np.concatenate([[0.0], np.cumsum(rates / _HOURS)])
    here = np.interp([max(begin, 0.0), end], np.arange(_HOURS + 1) / _HOURS, total)
    return float(here[1] - here[0])
