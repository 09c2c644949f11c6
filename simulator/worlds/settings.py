"""``[world]``: the dials of the synthetic marketplace."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator, model_validator

from simulator.errors import unknown
from simulator.scenario.base import Block
from simulator.units import DAY, Duration, format_duration
from simulator.worlds.promotion_settings import Share, WorldPromotion

CARDINALITIES: dict[str, int] = {
    "user": 16_384,
    "age_group": 8,
    "interest_segment": 48,
    "tier": 6,
    "city": 256,
    "propensity": 16,
    "deal_sensitivity": 16,
    "segment_x_sensitivity": 768,
    "item": 16_384,
    "category": 60,
    "shop": 1_500,
    "brand": 400,
    "price_level": 16,
    "deal_depth": 16,
    "session_depth": 12,
    "page": 32,
    "position": 16,
    "scenario": 15,
    "device": 8,
    "campaign": 2_400,
    "item_quality": 32,
    "position_x_scenario": 240,
}
"""The 22 features, 8 of the user, 6 of the item, 8 of the context, and how many values each has unless set
otherwise.
"""


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
    category_memory: Duration = "6d"  # type: ignore[assignment]
    taste: NonNegativeFloat = 0.40
    taste_memory: Duration = "8d"  # type: ignore[assignment]
    context: NonNegativeFloat = 0.10
    context_memory: Duration = "8d"  # type: ignore[assignment]
    refund: NonNegativeFloat = Field(default=0.15, description="refund level of a category")
    refund_memory: Duration = "8d"  # type: ignore[assignment]
    level: NonNegativeFloat = Field(default=0.05, description="random walk of the common level, sd per day")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in ("category_memory", "taste_memory", "context_memory", "refund_memory"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be longer than 0s")
        return self


class Churn(Block):
    """Items and campaigns come and go; a successor takes the place of what ends, with a new id."""

    evergreen: Share = Field(default=0.25, description="share of items that never end")
    item_life: Duration = "15d"  # type: ignore[assignment]
    campaigns: PositiveInt = Field(default=60, description="campaigns alive at a time")
    campaign_life: Duration = "9d"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in ("item_life", "campaign_life"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be longer than 0s")
        return self


class Delay(Block):
    """Who pays fast: share of the fast profile = sigmoid(fast + fast_slope * (log-hazard - its base))."""

    fast: float = -0.9
    fast_slope: float = 0.45
    rhythm: Share = Field(
        default=1.0, description="hour of day in the pay hazard: 0 none, 1 that of Taobao 2014"
    )


class Cart(Block):
    """The ordinary cart hazard, which ends with the journey's considering (pay or wait)."""

    rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.195, description="P(cart inside the attribution window)"
    )
    slope: float = Field(default=0.6, description="log-hazard of carts per log-hazard of paying")


class Refund(Block):
    """The refund hazard of the first pay, with levels of the item, the shop, the tier and the user."""

    rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.245, description="P(refund inside its window | paid)"
    )
    shop: NonNegativeFloat = 0.35
    tier: NonNegativeFloat = 0.25
    item: NonNegativeFloat = 0.20
    user: NonNegativeFloat = 0.25
    full_share: Share = Field(default=0.38, description="refunds of the whole amount; the rest return a part")


class Repurchase(Block):
    """Two stages: the integrated hazard after the first pay, and after each further one (cut by the
    attribution window).
    """

    first: NonNegativeFloat = 0.767
    further: Annotated[float, Field(ge=0, le=5)] = 0.148
    loyalty: NonNegativeFloat = Field(default=0.35, description="sd of the level between user tiers")
    replenishable: PositiveFloat = Field(
        default=1.6, description="level of categories one runs out of, over the others'"
    )


class Amount(Block):
    """ln amount = level + price * (item's price) + user * (user's spending) + residual."""

    level: float = 4.60
    price: NonNegativeFloat = 0.90
    user: NonNegativeFloat = 0.30
    residual: NonNegativeFloat = 0.84


class WorldSettings(Block):
    """``[world]``: a synthetic marketplace."""

    days: PositiveInt = Field(default=25, description="days of clicks")
    clicks_per_day: PositiveInt = Field(default=20_000, description="mean over ordinary weeks")
    cvr: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.068,
        description="mean P(pay inside the attribution window), promotions apart; solved for",
    )
    users: PositiveInt = 40_000
    items: PositiveInt = Field(default=20_000, description="items alive at a time")
    user_zipf: Annotated[float, Field(ge=0, le=3)] = 0.7
    item_zipf: Annotated[float, Field(ge=0, le=3)] = 0.9
    weekday: tuple[NonNegativeFloat, ...] | None = Field(
        default=None,
        description="clicks by weekday, Monday first (the log starts on a Thursday); default: Taobao 2014",
    )
    effects: Effects = Effects()
    drift: Drift = Drift()
    churn: Churn = Churn()
    delay: Delay = Delay()
    cart: Cart = Cart()
    refund: Refund = Refund()
    repurchase: Repurchase = Repurchase()
    amount: Amount = Amount()
    cardinalities: dict[str, Annotated[int, Field(ge=2, lt=2**31)]] = Field(
        default_factory=dict, description="number of values of a feature; those left out keep their default"
    )
    promotion: tuple[WorldPromotion, ...] = ()

    @field_validator("cardinalities")
    @classmethod
    def _known(cls, sizes: dict[str, int]) -> dict[str, int]:
        for name in sizes:
            if name not in CARDINALITIES:
                raise ValueError(unknown("feature", name, CARDINALITIES))
        return sizes

    @field_validator("weekday")
    @classmethod
    def _week(cls, weekday: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if weekday is not None and (len(weekday) != 7 or sum(weekday) <= 0):
            raise ValueError("weekday takes seven numbers, Monday first, not all zero")
        return weekday

    @model_validator(mode="after")
    def _promotions(self) -> Self:
        end = self.days * DAY
        ordered = sorted(self.promotion, key=lambda p: p.start)
        for sale in ordered:
            if sale.end > end:
                last = format_duration(sale.end)
                raise ValueError(
                    f"promotion {sale.name!r} ends at {last}, after the world's {format_duration(end)}"
                )
        for first, second in pairwise(ordered):
            if second.start < first.end:
                raise ValueError(f"promotions {first.name!r} and {second.name!r} overlap")
        if len({sale.name for sale in self.promotion}) < len(self.promotion):
            raise ValueError("promotions must have different names")
        return self

    def sizes(self) -> dict[str, int]:
        """Return the number of values of every feature, in the order of the columns."""
        return CARDINALITIES | self.cardinalities
