"""``[[world.promotion]]``: one sale, with what it does to each part of the world separately.

Defaults are the fit to Taobao's Double 12 of 2014 with CASCADE's delays: T0 is the sale's start, r the days
before it, h the hours after it.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, NonNegativeFloat, model_validator

from simulator.scenario.base import Block
from simulator.units import HOUR, Duration

Share = Annotated[float, Field(ge=0, le=1)]


def _positive(block: Block, *names: str) -> None:
    for name in names:
        if getattr(block, name) <= 0:
            raise ValueError(f"{name} must be longer than 0s")


class TrafficEffect(Block):
    """Clicks, as multiples of an ordinary day's."""

    before: tuple[NonNegativeFloat, ...] = Field(
        default=(1.08, 1.08, 1.08, 1.08, 1.08, 1.08, 1.08, 1.08, 1.087, 1.155, 1.337),
        description="the days before the sale, the last one being the day before",
    )
    during: NonNegativeFloat = Field(default=1.66, description="level through the sale")
    opening: NonNegativeFloat = Field(
        default=1.7, description="added at the first instant, fading over opening_scale"
    )
    opening_scale: Duration = "5h"  # type: ignore[assignment]
    after: tuple[NonNegativeFloat, ...] = Field(
        default=(1.119, 1.106, 1.094, 1.085), description="the days after the sale"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _positive(self, "opening_scale")
        return self


class ConversionEffect(Block):
    """Multiplier of the pay hazard.

    Before: 1 + interest + rush exp(-r / rush_scale) from ``waiting.onset`` on. During: base + opening
    exp(-h / opening_scale) + closing exp(-(hours left) / closing_scale). After: 1 - dip exp(-(time since the
    end) / dip_scale).
    """

    interest: NonNegativeFloat = 0.10
    rush: NonNegativeFloat = 0.40
    rush_scale: Duration = "9.6h"  # type: ignore[assignment]
    base: NonNegativeFloat = 0.30
    opening: NonNegativeFloat = Field(default=7.12, description="the midnight peak")
    opening_scale: Duration = "6.6h"  # type: ignore[assignment]
    closing: NonNegativeFloat = Field(default=2.83, description="the last hours")
    closing_scale: Duration = "3.64h"  # type: ignore[assignment]
    dip: Share = Field(default=0.39, description="aftermath")
    dip_scale: Duration = "1.41d"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _positive(self, "rush_scale", "opening_scale", "closing_scale", "dip_scale")
        return self


class WaitingEffect(Block):
    """Shoppers who would pay before the sale put the item in the cart instead, and wait.

    The chance is floor + rise exp(-r / scale) from ``onset`` before the sale; ``returns`` of them come back
    and pay at T0 + q, where q is exponential of ``early_scale`` for a share ``early``, and else follows the
    buys' hour of day, fading over ``return_scale``.
    """

    onset: Duration = "11d"  # type: ignore[assignment]
    floor: Share = 0.103
    rise: Share = 0.407
    scale: Duration = "1.29d"  # type: ignore[assignment]
    returns: Share = 0.54
    early: Share = 0.02
    early_scale: Duration = "35.4m"  # type: ignore[assignment]
    return_scale: Duration = "6.6h"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _positive(self, "scale", "early_scale", "return_scale")
        if self.floor + self.rise > 1:
            raise ValueError(
                f"floor + rise is a probability and must not exceed 1; it is {self.floor + self.rise:g}"
            )
        if self.onset % HOUR:
            raise ValueError("onset must be whole hours, the cells of the world's calendar")
        return self


class CartEffect(Block):
    """Multiplier of the ordinary cart hazard (the carts of those who wait come on top)."""

    during: NonNegativeFloat = 1.32
    after: NonNegativeFloat = 0.94
    after_length: Duration = "3d"  # type: ignore[assignment]


class RefundEffect(Block):
    """The refund wave: multiplier 1 + wave exp(-h / wave_scale) of the refund hazard from the start on (an
    assumption).
    """

    wave: NonNegativeFloat = 0.25
    wave_scale: Duration = "3d"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _positive(self, "wave_scale")
        return self


class RepurchaseEffect(Block):
    """Multiplier of the repurchase hazard during the sale (an assumption; TRACE has 2-3 % more pays per click
    then).
    """

    during: NonNegativeFloat = 1.25


class PriceEffect(Block):
    """What is taken off the price of everything paid during the sale (an assumption)."""

    discount: Annotated[float, Field(ge=0, lt=1)] = 0.12


class TasteEffect(Block):
    """How far the day's clicks follow tastes of their own, in units of half the category and taste spread
    each.
    """

    shift: NonNegativeFloat = 0.5


class WorldPromotion(Block):
    """``[[world.promotion]]``: one sale. ``anticipation`` is the reported phase; ``waiting.onset`` the
    mechanism's own.
    """

    name: str
    start: Duration
    length: Duration = "1d"  # type: ignore[assignment]
    anticipation: Duration = "3d"  # type: ignore[assignment]
    traffic: TrafficEffect = TrafficEffect()
    conversion: ConversionEffect = ConversionEffect()
    waiting: WaitingEffect = WaitingEffect()
    cart: CartEffect = CartEffect()
    refund: RefundEffect = RefundEffect()
    repurchase: RepurchaseEffect = RepurchaseEffect()
    price: PriceEffect = PriceEffect()
    taste: TasteEffect = TasteEffect()

    @property
    def end(self) -> int:
        """First instant after the sale."""
        return self.start + self.length

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _positive(self, "length")
        for name in ("start", "length"):
            if getattr(self, name) % HOUR:
                raise ValueError(f"{name} must be whole hours, the cells of the world's calendar")
        return self
