"""``[world]``: the dials of the synthetic marketplace."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, field_validator, model_validator

from simulator.errors import unknown
from simulator.scenario.base import Block
from simulator.units import DAY, format_duration
from simulator.worlds.hidden_settings import Confounder, Exposure
from simulator.worlds.journey_settings import Amount, ByHour, Cart, Delay, Refund, Repurchase
from simulator.worlds.market_settings import Churn, Drift, Effects
from simulator.worlds.positions import highest_rate
from simulator.worlds.presets import PRESETS, SALES, merged
from simulator.worlds.promotion_kinds import KINDS
from simulator.worlds.promotion_settings import WorldPromotion

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
"""The 22 features of every world, 8 of the user, 6 of the item, 8 of the context, and how many values each has unless set
otherwise.
"""
OFFER: dict[str, int] = {"price": 32, "discount": 16, "coupon": 2, "days_to_sale": 16}
"""Further features, of what is offered, and how many values each has."""
CART_PROMINENCE = "cart_prominence"


class WorldSettings(Block):
    """``[world]``: a synthetic marketplace. ``preset`` fills in what is not written."""

    preset: Literal["blend", "cascade", "trace", "taobao-mobile"] = "blend"
    """What fills in the keys that are not written."""
    days: PositiveInt = 25
    """Days of clicks."""
    clicks_per_day: PositiveInt = 20_000
    """Mean over ordinary weeks."""
    cvr: Annotated[float, Field(gt=0, lt=1)] = 0.068
    """Mean P(pay inside the attribution window), promotions apart; solved for."""
    users: PositiveInt = 40_000
    """How many users there are."""
    items: PositiveInt = 20_000
    """Items alive at a time."""
    user_zipf: Annotated[float, Field(ge=0, le=3)] = 0.7
    """How unequal users are in clicks: exponent of a power of the rank."""
    item_zipf: Annotated[float, Field(ge=0, le=3)] = 0.9
    """How unequal items are in clicks."""
    weekday: tuple[NonNegativeFloat, ...] | None = None
    """Clicks by weekday, Monday first (the log starts on a Thursday); default: Taobao 2014."""
    clicks_by_hour: ByHour | None = None
    """Clicks by hour of day; default: Taobao 2014."""
    impressions: bool = False
    """Write impressions/ and exposure/: what was shown, clicked or not, and what is true of it."""
    offer: tuple[Literal["price", "discount", "coupon", "days_to_sale"], ...] = ()
    """Further features: price (as it is at the click), discount (its depth in the sale that is on or announced; 0: none, or the
    item takes no part), coupon (whether that sale hands one out), days_to_sale (0: a sale is on; 15: none within two weeks).
    """
    effects: Effects = Effects()
    """How much of paying a learner could know."""
    drift: Drift = Drift()
    """What changes from day to day."""
    churn: Churn = Churn()
    """Items and campaigns that come and go."""
    delay: Delay = Delay()
    """Click to pay."""
    cart: Cart = Cart()
    """Click to cart."""
    refund: Refund = Refund()
    """Pay to refund."""
    repurchase: Repurchase = Repurchase()
    """Pays after the first."""
    amount: Amount = Amount()
    """How much is paid."""
    confounder: Confounder = Confounder()
    """Hidden intent."""
    exposure: Exposure = Exposure()
    """Who clicks what is shown."""
    cardinalities: dict[str, Annotated[int, Field(ge=2, lt=2**31)]] = Field(default_factory=dict)
    """Number of values of a feature; those left out keep their default."""
    promotion: tuple[WorldPromotion, ...] = ()
    """The sales."""

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        name = data.get("preset", "blend")
        if not isinstance(name, str) or name not in PRESETS:
            return data
        whole = merged(PRESETS[name], data)
        sales = whole.get("promotion")
        if isinstance(sales, list | tuple):
            whole["promotion"] = [_sale(name, sale) for sale in sales]
        return whole

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

    @model_validator(mode="after")
    def _clickable(self) -> Self:
        highest = highest_rate(self.exposure.position, self.sizes()["position"])
        if self.impressions and self.exposure.rate >= highest:
            raise ValueError(
                f"exposure.rate is {self.exposure.rate:g}, but with exposure.position = {self.exposure.position:g} only "
                f"{highest:.3g} of what is shown is seen; lower one of the two"
            )
        return self

    @property
    def instrument(self) -> bool:
        """Whether the position moves clicks and not paying."""
        return self.impressions and self.exposure.instrument

    @property
    def delayed(self) -> bool:
        """Whether the truth tells pays on the click's day from those at a sale: with a revisit, or items that take no part."""
        return any(sale.revisit is not None or sale.participation < 1 for sale in self.promotion)

    def sizes(self) -> dict[str, int]:
        """Return the number of values of every feature, in the order of the columns."""
        further: dict[str, int] = {name: size for name, size in OFFER.items() if name in self.offer}
        if self.cart.prominence:
            further[CART_PROMINENCE] = 2
        return CARDINALITIES | self.cardinalities | further


def _sale(preset: str, sale: Any) -> Any:
    """Lay what is written over what its kind sets, and that over the preset's sale."""
    if not isinstance(sale, Mapping):
        return sale
    kind = sale.get("kind", "one-day")
    own = KINDS.get(kind, {}) if isinstance(kind, str) else {}
    return merged(merged(SALES[preset], own), sale)
