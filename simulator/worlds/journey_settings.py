"""What follows a click, and when: tables of ``[world]``. Waits are mixtures of exponentials."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from simulator.scenario.base import Block
from simulator.units import PositiveDuration
from simulator.worlds.promotion_settings import Share

Weights = tuple[NonNegativeFloat, ...]
Scales = Annotated[tuple[PositiveDuration, ...], Field(min_length=1, max_length=8)]
ByHour = Annotated[tuple[PositiveFloat, ...], Field(min_length=24, max_length=24)]
"""One positive number an hour of the day, midnight first; only their ratios matter."""


def _weigh(block: Block, scales: str, *weights: str) -> None:
    for name in weights:
        own, total = getattr(block, name), sum(getattr(block, name))
        if len(own) != len(getattr(block, scales)):
            raise ValueError(f"{name} needs as many numbers as {scales}; it has {len(own)}")
        if abs(total - 1) > 0.001:
            raise ValueError(f"{name} are shares and must sum to 1; they sum to {total:g}")


class Delay(Block):
    """Click to pay. Each click's wait is a mix of a fast and a slow profile of the same exponentials.

    Share of the fast one: sigmoid(fast + fast_slope * (log-hazard - its base) + user_slope * (the user's own
    level in standard deviations)).
    """

    fast: float = -0.9
    fast_slope: float = 0.45
    user_slope: float = Field(default=0.0, description="how much faster users are that pay more often")
    scales: Scales = ("6.906m", "1.26h", "43.98h")  # type: ignore[assignment]
    fast_profile: Weights = (0.34, 0.20, 0.46)
    slow_profile: Weights = (0.085, 0.09, 0.825)
    rhythm: Share = Field(default=1.0, description="hour of day in the pay hazard: 0 none, 1 that of by_hour")
    by_hour: ByHour | None = Field(default=None, description="pay hazard by hour; default: Taobao 2014")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if any(second <= first for first, second in pairwise(self.scales)):
            raise ValueError("scales must ascend")
        _weigh(self, "scales", "fast_profile", "slow_profile")
        return self


class Cart(Block):
    """The ordinary cart hazard, which ends with the journey's considering (pay or wait)."""

    rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.195, description="P(cart inside the attribution window)"
    )
    slope: float = Field(default=0.6, description="log-hazard of carts per log-hazard of paying")
    scales: Scales = ("7.62m", "52h")  # type: ignore[assignment]
    weights: Weights = (0.6, 0.4)
    rhythm: Share = Field(default=0.0, description="hour of day in the hazard: 0 none, 1 that of clicks")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _weigh(self, "scales", "weights")
        return self


class Refund(Block):
    """The refund hazard of the first pay, with levels of the item, the shop, the tier and the user."""

    rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.245, description="P(refund inside its window | paid)"
    )
    shop: NonNegativeFloat = 0.35
    tier: NonNegativeFloat = 0.25
    item: NonNegativeFloat = 0.20
    user: NonNegativeFloat = 0.25
    by_cvr: tuple[float, float] = Field(
        default=(-14.07, -9.116),
        description="logit of the refund rate on the item's own CVR c: const + first c + second c^2",
    )
    full_share: Share = Field(default=0.38, description="refunds of the whole amount; the rest return a part")
    scales: Scales = ("53.8s", "697.3s", "12290.2s", "240.2h")  # type: ignore[assignment]
    weights: Weights = (0.1817, 0.1288, 0.1004, 0.5891)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _weigh(self, "scales", "weights")
        return self


class Repurchase(Block):
    """Two stages: the integrated hazard after the first pay, and after each further one (cut by the
    attribution window). Levels of the first stage differ by user and item; where segments or categories have one of
    their own, ``first`` is the hazard of the mean chance to pay again, else the mean hazard.
    """

    first: NonNegativeFloat = 0.767
    further: Annotated[float, Field(ge=0, le=5)] = 0.148
    loyalty: NonNegativeFloat = Field(default=0.35, description="sd of the level between user tiers")
    replenishable: PositiveFloat = Field(
        default=1.6, description="level of categories one runs out of, over the others'"
    )
    segment: Annotated[float, Field(ge=0, le=3)] = Field(
        default=0.0, description="sd of the log-level between interest segments"
    )
    category: Annotated[float, Field(ge=0, le=3)] = Field(
        default=0.0, description="sd of the log-level between categories, replenishable ones apart"
    )
    scales: Scales = ("18m", "6h", "47.7h")  # type: ignore[assignment]
    weights: Weights = (0.585, 0.035, 0.380)
    rhythm: Share = Field(default=0.0, description="hour of day in the hazard, as in [world.delay]")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _weigh(self, "scales", "weights")
        return self


class Amount(Block):
    """ln amount = level + price * (item's price) + user * (user's spending) + levels of segment, category and brand
    + residual + growth * (ln(1 + hours since the click) - 1.6), + again for pays after the first.
    """

    level: float = 4.60
    price: NonNegativeFloat = 0.90
    user: NonNegativeFloat = 0.30
    segment: NonNegativeFloat = Field(default=0.0, description="sd between interest segments")
    category: NonNegativeFloat = Field(default=0.0, description="sd between categories")
    brand: NonNegativeFloat = Field(default=0.0, description="sd between brands")
    residual: NonNegativeFloat = 0.84
    plain: Share = Field(
        default=0.0,
        description="share of journeys without a residual: what was clicked is bought, at its price",
    )
    shared: Share = Field(
        default=0.8, description="part of the residual's variance that the pays of a journey have in common"
    )
    growth: float = 0.118
    again: float = 0.0
    by_hour: ByHour | None = Field(
        default=None,
        description="size of pays by the hour of the click; default: alike (their mean is level's)",
    )

    @property
    def spread(self) -> float:
        """Log of the mean of e^residual over all journeys."""
        whole = 0.5 * self.residual**2
        return whole if self.plain == 0 else math.log(self.plain + (1 - self.plain) * math.exp(whole))
