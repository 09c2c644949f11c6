"""``[world]``: the dials of the synthetic marketplace."""

from __future__ import annotations

from pydantic import PositiveFloat, PositiveInt

from simulator.scenario.base import Block
from simulator.units import Duration


class WorldPromotion(Block):
    """``[[world.promotion]]``: one sale, with what it does to each part of the world."""

    name: str
    start: Duration
    length: Duration = "1d"  # type: ignore[assignment]
    anticipation: Duration = "3d"  # type: ignore[assignment]


class WorldSettings(Block):
    """``[world]``: a synthetic marketplace."""

    days: PositiveInt = 25
    clicks_per_day: PositiveInt = 20_000
    cvr: PositiveFloat = 0.068
    promotion: tuple[WorldPromotion, ...] = ()
