"""Three doors for a bidder: the decorator, an entry point of the group ``afterclick.bidders``, or "module:Class"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.auction.bidders.base import Bidder
from simulator.parts import Registry

BIDDERS: Registry[Bidder] = Registry("bidder", "bidders", "simulator.auction.bidders", Bidder)

bidder = BIDDERS.register


def bidder_from(spec: str | Mapping[str, Any]) -> Bidder:
    """Build a bidder from its name, or from a table with ``kind`` and the parameters of that kind.

    Raises
    ------
    ScenarioError : unknown bidder, unknown parameter, or a value that is not allowed; all faults at once.
    """
    return BIDDERS.parse(spec, "auction.bidder")
