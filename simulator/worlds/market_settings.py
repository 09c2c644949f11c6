"""What the marketplace is like, and how it changes: tables of ``[world]``."""

from __future__ import annotations

from pydantic import NonNegativeFloat, PositiveInt

from simulator.scenario.base import Block
from simulator.units import PositiveDuration
from simulator.worlds.promotion_settings import Share


class Effects(Block):
    """Standard deviations, on the log-hazard of paying, of what a learner could know, at best."""

    segment: NonNegativeFloat = 0.42
    """Of the interest segment."""
    category: NonNegativeFloat = 0.42
    """Of the category."""
    brand: NonNegativeFloat = 0.20
    """Of the brand."""
    price: NonNegativeFloat = 0.15
    """Distance of the price from what the segment likes."""
    taste: NonNegativeFloat = 0.25
    """Segment by category, rank 4, constant."""
    user: NonNegativeFloat = 0.25
    """A user's own level (.45 if ids shall matter)."""
    item: NonNegativeFloat = 0.25
    """An item's own level (.40 if ids shall matter)."""
    user_taste: NonNegativeFloat = 0.10
    """User by category, found in ids alone."""
    context: NonNegativeFloat = 0.27
    """Each of the five context fields."""
    campaign: NonNegativeFloat = 0.30
    """Of the campaign."""


class Drift(Block):
    """What changes from day to day: stationary sd and memory of each mean-reverting part."""

    category: NonNegativeFloat = 0.35
    """Sd of the level of a category."""
    category_memory: PositiveDuration = "6d"  # type: ignore[assignment]
    """Time in which it forgets by e."""
    taste: NonNegativeFloat = 0.40
    """Sd of the taste of a segment for a category."""
    taste_memory: PositiveDuration = "8d"  # type: ignore[assignment]
    """Time in which it forgets by e."""
    context: NonNegativeFloat = 0.10
    """Sd of the level of a context value."""
    context_memory: PositiveDuration = "8d"  # type: ignore[assignment]
    """Time in which it forgets by e."""
    refund: NonNegativeFloat = 0.15
    """Refund level of a category."""
    refund_memory: PositiveDuration = "8d"  # type: ignore[assignment]
    """Time in which it forgets by e."""
    level: NonNegativeFloat = 0.05
    """Random walk of the common level, sd per day."""


class Churn(Block):
    """Items and campaigns come and go; a successor takes the place of what ends, with a new id."""

    evergreen: Share = 0.25
    """Share of items that never end."""
    item_life: PositiveDuration = "15d"  # type: ignore[assignment]
    """Mean life of the other items."""
    campaigns: PositiveInt = 60
    """Campaigns alive at a time."""
    campaign_life: PositiveDuration = "9d"  # type: ignore[assignment]
    """Mean life of a campaign."""
