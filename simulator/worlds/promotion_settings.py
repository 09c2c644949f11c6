"""``[[world.promotion]]``: one sale, with what it does to each part of the world separately.

Defaults are the fit to Taobao's Double 12 of 2014 with CASCADE's delays: T0 is the sale's start, r the days
before it, h the hours after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, model_validator

from simulator.scenario.base import Block
from simulator.units import DAY, HOUR, Duration, PositiveDuration, format_duration
from simulator.worlds.presets import merged
from simulator.worlds.promotion_kinds import KINDS

Share = Annotated[float, Field(ge=0, le=1)]


class TrafficEffect(Block):
    """Clicks, as multiples of the usual ones of the same weekday and hour."""

    before: tuple[NonNegativeFloat, ...] = (
        1.073,
        1.073,
        1.073,
        1.073,
        1.073,
        1.073,
        1.073,
        1.073,
        1.076,
        1.173,
        1.348,
    )
    """The days before the sale, the last one being the day before."""
    during: NonNegativeFloat = 1.561
    """Level through the sale."""
    opening: NonNegativeFloat = 1.864
    """Added at the first instant, fading over opening_scale."""
    opening_scale: PositiveDuration = "9.03h"  # type: ignore[assignment]
    """Time in which the opening's addition falls by e."""
    after: tuple[NonNegativeFloat, ...] = (1.126, 1.029, 1.054, 1.074)
    """The days after the sale."""


class ConversionEffect(Block):
    """Multiplier of the pay hazard.

    Before: 1 + interest + rush exp(-r / rush_scale) from ``waiting.onset`` on. During: base + opening
    exp(-h / opening_scale) + closing exp(-(hours left) / closing_scale); with ``days``, opening and closing
    come anew each day, times that day's strength. After: 1 - dip exp(-(time since the end) / dip_scale).
    """

    interest: NonNegativeFloat = 0.109
    """Added from waiting.onset on."""
    rush: NonNegativeFloat = 0.815
    """Added on top, just before the start."""
    rush_scale: PositiveDuration = "400.9m"  # type: ignore[assignment]
    """Time before the start in which the rush grows by e."""
    base: NonNegativeFloat = 0.217
    """Level through the sale."""
    opening: NonNegativeFloat = 10.70
    """The midnight peak."""
    opening_scale: PositiveDuration = "442.9m"  # type: ignore[assignment]
    """Time in which the opening's peak falls by e."""
    closing: NonNegativeFloat = 3.27
    """The last hours."""
    closing_scale: PositiveDuration = "197.7m"  # type: ignore[assignment]
    """Time before the end in which the closing's peak grows by e."""
    days: tuple[NonNegativeFloat, ...] = ()
    """Strength of each day's burst; empty: one burst over the whole sale."""
    dip: Share = 0.3185
    """Aftermath."""
    dip_scale: PositiveDuration = "33.87h"  # type: ignore[assignment]
    """Time after the end in which the dip fades by e."""


class WaitingEffect(Block):
    """Shoppers who would pay before the sale put the item in the cart instead, and wait.

    The chance is floor + rise exp(-r / scale) from ``onset`` before the sale; ``returns`` of them come back
    and pay at T0 + q, where q is exponential of ``early_scale`` for a share ``early``, and else follows the
    buys' hour of day, fading over ``return_scale``.
    """

    onset: Duration = "11d"  # type: ignore[assignment]
    """How long before the sale waiting begins, in whole hours."""
    floor: Share = 0.1238
    """Chance of waiting from the onset on."""
    rise: Share = 0.4635
    """Added to it, just before the start."""
    scale: PositiveDuration = "24.51h"  # type: ignore[assignment]
    """Time before the start in which that addition grows by e."""
    returns: Share = 0.4767
    """Share of those who wait that come back and pay."""
    early: Share = 0.0004
    """Share of these that pay right after the start."""
    early_scale: PositiveDuration = "35.4m"  # type: ignore[assignment]
    """Mean time from the start to their pay."""
    return_scale: PositiveDuration = "377.3m"  # type: ignore[assignment]
    """Time over which the others' pays fade by e."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.floor + self.rise > 1:
            raise ValueError(
                f"floor + rise is a probability and must not exceed 1; it is {self.floor + self.rise:g}"
            )
        if self.onset % HOUR:
            raise ValueError("onset must be whole hours, the cells of the world's calendar")
        return self


class CartEffect(Block):
    """Multiplier of the ordinary cart hazard (the carts of those who wait come on top)."""

    during: NonNegativeFloat = 1.62
    """Multiplier through the sale."""
    after: NonNegativeFloat = 0.895
    """Multiplier after it."""
    after_length: Duration = "6d"  # type: ignore[assignment]
    """How long that lasts."""


class RefundEffect(Block):
    """The refund wave: multiplier 1 + wave exp(-h / wave_scale) of the refund hazard from the start on (an
    assumption).
    """

    wave: NonNegativeFloat = 0.25
    """Added at the start; 0: no wave."""
    wave_scale: PositiveDuration = "3d"  # type: ignore[assignment]
    """Time in which it fades by e."""


class RepurchaseEffect(Block):
    """Multiplier of the repurchase hazard during the sale (an assumption; TRACE has 2-3 % more pays per click
    then).
    """

    during: NonNegativeFloat = 1.25
    """The multiplier."""


class DelayEffect(Block):
    """Clicks whose shoppers take longer, or less long, beyond any waiting: a shift of the log-odds of the fast
    profile (`Delay`), downwards by lengthen * exp(-r / lengthen_scale) before, upwards by shorten during.
    """

    lengthen: NonNegativeFloat = 0.0
    """Shift downwards just before the start."""
    lengthen_scale: PositiveDuration = "1.5d"  # type: ignore[assignment]
    """Time before the start in which that grows by e."""
    shorten: NonNegativeFloat = 0.0
    """Shift upwards through the sale."""


class CouponEffect(Block):
    """A second, smaller wave. From ``start`` after the sale's end, for ``length``: who paid in the sale has the
    repurchase hazard times 1 + repurchase; paying gains ``conversion`` (felt through the deal response), and
    clicks ``traffic``, both in units of ordinary ones.
    """

    start: Duration = "1d"  # type: ignore[assignment]
    """From how long after the sale's end the coupon holds, in whole hours."""
    length: PositiveDuration = "2d"  # type: ignore[assignment]
    """How long it holds, in whole hours."""
    repurchase: NonNegativeFloat = 0.0
    """Added to the repurchase hazard of those who paid in the sale."""
    conversion: NonNegativeFloat = 0.0
    """Added to the hazard of paying."""
    traffic: NonNegativeFloat = 0.0
    """Added to the clicks."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in ("start", "length"):
            if getattr(self, name) % HOUR:
                raise ValueError(f"{name} must be whole hours, the cells of the world's calendar")
        return self


class PriceEffect(Block):
    """What is taken off the price of everything paid during the sale (an assumption)."""

    discount: Annotated[float, Field(ge=0, lt=1)] = 0.12
    """Share of the price that is taken off."""


class TasteEffect(Block):
    """How far the day's clicks follow tastes of their own, in units of half the category and taste spread
    each.
    """

    shift: NonNegativeFloat = 0.5
    """Size of the day's own tastes; 0: as on other days."""


class RevisitEffect(Block):
    """Who comes back at the opening. Of those who then still consider what they clicked on, from ``waiting.onset`` before
    the sale on, a share sigmoid(level + slope * (log-hazard of paying, its base left out) + deal * (depth of the item's deals
    in standard deviations) + cart * (1 with a cart on the click's day)) comes back, and pays as those who waited do.
    """

    level: float = -3.0
    """Log-odds of who has no cart, at the base hazard."""
    slope: float = 0.7
    """By the log-hazard of paying, hidden intent included."""
    deal: float = 0.0
    """By the depth of the item's deals."""
    cart: float = 1.5
    """What a cart adds, by itself; 0: it goes with coming back, but does not cause it."""


class WorldPromotion(Block):
    """``[[world.promotion]]``: one sale. ``kind`` says what it sets in the place of the defaults (`KINDS`);
    ``anticipation`` is the reported phase, ``waiting.onset`` the mechanism's own.
    """

    name: str
    """Its name, once in a world."""
    start: Duration
    """When it starts, from the log's origin, in whole hours."""
    kind: Literal["one-day", "presale", "multi-day", "flash", "coupon-return"] = "one-day"
    """What it sets in the place of the defaults."""
    length: PositiveDuration = "1d"  # type: ignore[assignment]
    """How long it lasts, in whole hours."""
    anticipation: Duration = "3d"  # type: ignore[assignment]
    """Length of the reported phase before it."""
    traffic: TrafficEffect = TrafficEffect()
    """Its clicks."""
    conversion: ConversionEffect = ConversionEffect()
    """Its hazard of paying."""
    waiting: WaitingEffect = WaitingEffect()
    """Who waits for it."""
    cart: CartEffect = CartEffect()
    """Its hazard of carts."""
    refund: RefundEffect = RefundEffect()
    """Its refund wave."""
    repurchase: RepurchaseEffect = RepurchaseEffect()
    """Its hazard of paying again."""
    delay: DelayEffect = DelayEffect()
    """Who takes longer before it, and less long in it."""
    coupon: CouponEffect = CouponEffect()
    """A second wave after it."""
    price: PriceEffect = PriceEffect()
    """Its prices."""
    taste: TasteEffect = TasteEffect()
    """Its tastes."""
    participation: Share = 1.0
    """Share of the items that take part; prices, paying, waiting and coming back change for these alone."""
    revisit: RevisitEffect | None = None
    """Who comes back at its opening without having waited; default: nobody."""

    @property
    def end(self) -> int:
        """First instant after the sale."""
        return self.start + self.length

    @model_validator(mode="before")
    @classmethod
    def _kind(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            kind = data.get("kind", "one-day")
            return merged(KINDS[kind], data) if isinstance(kind, str) and kind in KINDS else data
        return data

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in ("start", "length"):
            if getattr(self, name) % HOUR:
                raise ValueError(f"{name} must be whole hours, the cells of the world's calendar")
        days, needed = self.conversion.days, -(-self.length // DAY)
        if days and len(days) != needed:
            raise ValueError(
                f"conversion.days must have a number for each day of a sale of {format_duration(self.length)}, "
                f"so {needed}; it has {len(days)}"
            )
        return self
