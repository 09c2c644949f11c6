"""The clairvoyant budget: what one factor on a day's bids would have earned, had the whole day been known."""

from __future__ import annotations

import numpy as np

from simulator.auction.mechanism import least
from simulator.auction.offers import Offers
from simulator.auction.room import Won
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import expected, realised
from simulator.calendar import Calendar
from simulator.errors import RunError
from simulator.log.schema import Float64
from simulator.units import DAY

_FINE, _LOW, _HIGH = 64, -24, 8
"""Bins in each doubling of the factor, and the range of its logarithm to the base 2."""
_BINS = (_HIGH - _LOW) * _FINE
_COST, _SCALE, _VALUE, _EXPECTED = range(4)


class Hindsight:
    """Keeps of every day what each factor on the bids would have bought, with what was believed at the time.

    An impression is won if factor * value > price, so by price / value: under second price, where the price is not the
    bidder's, buying by that ratio until the budget is spent is the best that can be done (a knapsack). Of single slots and
    one campaign.

    Raises
    ------
    RunError : several slots or campaigns.
    """

    def __init__(self, settings: AuctionBlock, calendar: Calendar) -> None:
        if len(settings.slots) > 1 or settings.campaigns > 1:
            raise RunError("a clairvoyant budget is told for one campaign and one slot alone")
        self._settings, self._clock = settings, calendar.clock
        self._days: dict[int, Float64] = {}

    def add(self, offers: Offers, won: Won) -> None:
        """Enter offers, and what was believed of them."""
        bound, value = least(offers.rivals, self._settings), won.value
        with np.errstate(divide="ignore", invalid="ignore"):
            place = np.floor((np.log2(bound / value) - _LOW) * _FINE)
        place = np.asarray(np.clip(np.nan_to_num(place, nan=_BINS), 0, _BINS), np.int64)
        day = self._clock.local(offers.time) // DAY
        columns: tuple[Float64, ...] = (
            bound,
            value,
            realised(offers, self._settings),
            expected(offers, self._settings),
        )
        for which in np.unique(day).tolist():
            here = day == which
            sums = np.stack([np.bincount(place[here], of[here], _BINS + 1) for of in columns])
            self._days[which] = self._days.get(which, np.zeros((4, _BINS))) + sums[:, :_BINS]

    def best(self, budget: float) -> dict[int, dict[str, float]]:
        """Return by day what is earned with the factor whose spend is ``budget``, or with 1 where that spends less.

        Beside ``factor``: ``spend``, ``value`` by final labels and ``expected`` in truth. What is bought by the last factor is
        shared out within its bin.
        """
        factor = 2.0 ** (_LOW + np.arange(1, _BINS + 1) / _FINE)
        found = {}
        for day, sums in self._days.items():
            held = np.cumsum(sums, axis=1)
            second = self._settings.mechanism == "second-price"
            spend = held[_COST] if second else factor * held[_SCALE]
            last = min(int(np.searchsorted(spend, budget)), int(np.searchsorted(factor, 1.0)))
            before = float(spend[last - 1]) if last else 0.0
            whole = float(spend[last]) - before
            part = min((budget - before) / whole, 1.0) if whole > 0 else 1.0
            told = held[:, last] - (1 - part) * sums[:, last]
            found[day] = {
                "factor": float(factor[last]),
                "spend": before + part * whole,
                "value": float(told[_VALUE]),
                "expected": float(told[_EXPECTED]),
            }
        return found
