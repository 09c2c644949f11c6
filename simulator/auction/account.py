"""What is measured of one bidder beside its money: the winner's curse, the clairvoyant budget, when its target was known."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.auction.bidders.registry import bidder_from
from simulator.auction.bidders.targets import Target
from simulator.auction.curse import Curse
from simulator.auction.heard import Conversions
from simulator.auction.hindsight import Hindsight
from simulator.auction.known import Known
from simulator.auction.offers import Offers
from simulator.auction.room import Won
from simulator.auction.settings import AuctionBlock
from simulator.calendar import Calendar


class Account:
    """Hears of what one bidder won, and of what arrived of that."""

    def __init__(self, settings: AuctionBlock, calendar: Calendar) -> None:
        bidder = bidder_from(settings.bidder)
        self._target = bidder if isinstance(bidder, Target) else None
        self._settings = settings
        self._curse, self._known = Curse(settings), Known(calendar)
        single = len(settings.slots) == 1 and settings.campaigns == 1
        self._hindsight = Hindsight(settings, calendar) if settings.budget and single else None
        self._offered = self._won = 0
        self._highest, self._lowest = 0.0, np.inf

    def add(self, offers: Offers, won: Won) -> None:
        """Enter what came of bids."""
        if not len(offers):
            return
        self._offered, self._won = self._offered + len(offers), self._won + int(won.won.sum())
        self._highest = max(self._highest, float(won.bid.max()))
        self._lowest = min(self._lowest, float(won.least.min()))
        self._curse.add(offers, won)
        self._known.add(offers, won)
        if self._hindsight is not None:
            self._hindsight.add(offers, won)

    def heard(self, conversions: Conversions) -> None:
        """Enter what arrived."""
        if len(conversions):
            self._known.heard(conversions)

    def clairvoyant(self) -> dict[str, float] | None:
        """Return what the best single factor of each day would have earned in all, in truth; None without a budget."""
        if self._hindsight is None or self._settings.budget is None:
            return None
        days = self._hindsight.best(self._settings.budget).values()
        told = {name: sum(day[name] for day in days) for name in ("spend", "value", "expected")}
        return {**told, "profit": told["expected"] - told["spend"]}

    def summary(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        found: dict[str, Any] = {"deciles": self._curse.summary(), "clairvoyant": self.clairvoyant()}
        if self._target is not None:
            kind = self._target.kind.removeprefix("target-")
            found["target"] = self._known.days(kind, self._target.target)
        return found

    def trouble(self) -> str:
        """Say why nothing was won; an empty string where something was."""
        if self._won or not self._offered:
            return ""
        return (
            f"won none of {self._offered:,} impressions: its highest bid was {self._highest:.3g}, and the cheapest impression "
            f"cost more than {self._lowest:.3g}. Lower auction.rivals.bid or auction.reserve, or raise what a pay is worth"
        )
