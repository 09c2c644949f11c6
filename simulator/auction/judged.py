"""Other bidders judged off policy, from the log of one that explored and at several ages of its labels, beside the truth."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np

from simulator.auction.offers import Offers
from simulator.auction.offpolicy import YOUNG
from simulator.auction.room import Won
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import realised
from simulator.log.schema import Float64, Int64
from simulator.units import DAY, HOUR, format_duration
from simulator.windows import Windows

_FEWEST = 20
"""Conversions from which on it is known how many of them come by an age."""
_Z = 1.959963984540054
_N, _W, _WW, _X, _XX, _WX, _EARNED = range(7)


class Judged:
    """Estimates by inverse propensity, plain and self-normalised, in sums: nothing is kept of an impression.

    Judged are the bids that others mean: those that exploration moves share their draws with the log. A conversion counts if
    its pay came within an age of the impression. "naive" takes the others to be none; "made up" divides by the share that came
    so soon of the conversions of the log that were final by then. What the log never bids for is left out: nothing is known
    of it.

    Parameters
    ----------
    logger : the bidder of the log; told of its wins before the others' are.
    """

    def __init__(self, settings: AuctionBlock, windows: Windows, logger: str) -> None:
        self._settings, self.logger = settings, logger
        self._lifetime = windows.click + windows.lifetime
        self.ages = sorted({min(age, self._lifetime) for age in (HOUR, 6 * HOUR, DAY, self._lifetime)})
        self._sums: dict[str, Float64] = {}
        self._came = np.zeros(len(self.ages) + 1)
        self._waiting: deque[tuple[int, Int64]] = deque()
        self._log: tuple[Offers, Won] | None = None
        self._complete = np.full(len(self.ages), math.nan)

    @staticmethod
    def can(settings: AuctionBlock) -> bool:
        """Tell whether there is anything to estimate from: exploration, a single slot, and no budget."""
        return settings.exploration.kind != "none" and len(settings.slots) == 1 and not settings.budget

    def add(self, bidder: str, offers: Offers, won: Won) -> None:
        """Enter what a bidder made of offers."""
        if bidder == self.logger:
            self._log = (offers, won)
            self._learn(offers, won)
            return
        assert self._log is not None
        log = self._log[1]
        value, mine = realised(offers, self._settings), np.flatnonzero(log.won)
        wins = won.meant > log.least
        price = log.least if self._settings.mechanism == "second-price" else won.meant
        earned = float((wins * (value - price)).sum())
        weight, wins, price = 1 / log.propensity[mine], wins[mine], price[mine]
        delay = offers.first_pay[mine] - offers.time[mine]
        sums = self._sums.setdefault(bidder, np.zeros((2, len(self.ages), 7)))
        for k, age in enumerate(self.ages):
            come = value[mine] * (delay <= age)
            for made_up, complete in enumerate((1.0, self._complete[k])):
                if complete >= YOUNG:
                    x = weight * wins * (come / complete - price)
                    parts = (weight.sum(), weight @ weight, x.sum(), x @ x, weight @ x, earned)
                    sums[made_up, k] += [len(offers), *parts]

    def _learn(self, offers: Offers, won: Won) -> None:
        """Count by which age conversions came, of those that are final now."""
        if not len(offers):
            return
        while self._waiting and self._waiting[0][0] + self._lifetime <= offers.time[0]:
            _, delays = self._waiting.popleft()
            self._came += [*((delays <= age).sum() for age in self.ages), len(delays)]
        paid = won.won & offers.converted
        self._waiting.append((int(offers.time[-1]), (offers.first_pay - offers.time)[paid]))
        if self._came[-1] >= _FEWEST:
            self._complete = self._came[:-1] / self._came[-1]

    def summary(self) -> dict[str, Any]:
        """Return by bidder, way and age the estimates, and what it would have earned: per impression, of the same impressions.

        What is made up for has none of the first days, in which nobody knows yet how many conversions come how soon.
        """
        return {
            bidder: {
                way: {format_duration(age): _estimates(sums[made_up, k]) for k, age in enumerate(self.ages)}
                for made_up, way in enumerate(("naive", "made up"))
            }
            for bidder, sums in self._sums.items()
        }


def _estimates(sums: Float64) -> dict[str, Any]:
    earned = float(sums[_EARNED] / sums[_N]) if sums[_N] else math.nan
    return {"earned": earned, "ips": _ips(sums), "snips": _snips(sums)}


def _ips(sums: Float64) -> dict[str, float]:
    n = sums[_N]
    if not n:
        return _told(math.nan, math.nan)
    mean = sums[_X] / n
    return _told(mean, math.sqrt(max(sums[_XX] / n - mean**2, 0.0) / n))


def _snips(sums: Float64) -> dict[str, float]:
    if not sums[_W]:
        return _told(math.nan, math.nan)
    mean = sums[_X] / sums[_W]
    off = sums[_XX] - 2 * mean * sums[_WX] + mean**2 * sums[_WW]
    return _told(mean, math.sqrt(max(off, 0.0)) / sums[_W])


def _told(mean: float, error: float) -> dict[str, float]:
    return {"profit": float(mean), "low": float(mean - _Z * error), "high": float(mean + _Z * error)}
