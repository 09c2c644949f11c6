"""Bid what it is worth."""

from __future__ import annotations

from simulator.auction.bidders.base import Bidder
from simulator.auction.bidders.registry import bidder
from simulator.log.schema import Float64


@bidder("truthful")
class Truthful(Bidder):
    """Bid the expected value: under second price, with one slot and no budget, no other bid earns more."""

    def bids(self, worth: Float64, control: Float64) -> Float64:
        return worth
