"""What the marketplace is like, and how it changes: tables of ``[world]``."""

from __future__ import annotations

from pydantic import Field, NonNegativeFloat, PositiveInt

from simulator.scenario.base import Block
from simulator.units import PositiveDuration
from simulator.worlds.promotion_settings import Share


class Effects(Block):
    """Standard deviations, on the log-hazard of paying, of what a learner could know, at best."""

    segment: NonNegativeFloat = 0.42
    category: NonNegativeFloat = 0.42
    brand: NonNegativeFloat = 0.20
    price: NonNegativeFloat = Field(
        default=0.15, description="distance of the price from what the segment likes"
    )
    taste: NonNegativeFloat = Field(default=0.25, description="segment by category, rank 4, constant")
    user: NonNegativeFloat = Field(default=0.25, description="a user's own level (.45 if ids shall matter)")
    item: NonNegativeFloat = Field(default=0.25, description="an item's own level (.40 if ids shall matter)")
    user_taste: NonNegativeFloat = Field(default=0.10, description="user by category, found in ids alone")
    context: NonNegativeFloat = Field(default=0.27, description="each of the five context fields")
    campaign: NonNegativeFloat = 0.30


class Drift(Block):
    """What changes from day to day: stationary sd and memory of each mean-reverting part."""

    category: NonNegativeFloat = 0.35
    category_memory: PositiveDuration = "6d"  # type: ignore[assignment]
    taste: NonNegativeFloat = 0.40
    taste_memory: PositiveDuration = "8d"  # type: ignore[assignment]
    context: NonNegativeFloat = 0.10
    context_memory: PositiveDuration = "8d"  # type: ignore[assignment]
    refund: NonNegativeFloat = Field(default=0.15, description="refund level of a category")
    refund_memory: PositiveDuration = "8d"  # type: ignore[assignment]
    level: NonNegativeFloat = Field(default=0.05, description="random walk of the common level, sd per day")


class Churn(Block):
    """Items and campaigns come and go; a successor takes the place of what ends, with a new id."""

    evergreen: Share = Field(default=0.25, description="share of items that never end")
    item_life: PositiveDuration = "15d"  # type: ignore[assignment]
    campaigns: PositiveInt = Field(default=60, description="campaigns alive at a time")
    campaign_life: PositiveDuration = "9d"  # type: ignore[assignment]
