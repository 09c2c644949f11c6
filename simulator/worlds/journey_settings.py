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
    """Log-odds of the fast profile, at the base hazard."""
    fast_slope: float = 0.45
    """How much faster clicks are that are likelier to pay."""
    user_slope: float = 0.0
    """How much faster users are that pay more often."""
    scales: Scales = ("6.906m", "1.26h", "43.98h")  # type: ignore[assignment]
    """Means of the exponentials, ascending."""
    fast_profile: Weights = (0.34, 0.20, 0.46)
    """Shares of the exponentials in the fast profile; sum 1."""
    slow_profile: Weights = (0.085, 0.09, 0.825)
    """Shares in the slow profile; sum 1."""
    rhythm: Share = 1.0
    """Hour of day in the pay hazard: 0 none, 1 that of by_hour."""
    by_hour: ByHour | None = None
    """Pay hazard by hour; default: Taobao 2014."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if any(second <= first for first, second in pairwise(self.scales)):
            raise ValueError("scales must ascend")
        _weigh(self, "scales", "fast_profile", "slow_profile")
        return self


class Cart(Block):
    """The ordinary cart hazard, which ends with the journey's considering (pay or wait)."""

    rate: Annotated[float, Field(gt=0, lt=1)] = 0.195
    """P(cart inside the attribution window)."""
    slope: float = 0.6
    """Log-hazard of carts per log-hazard of paying."""
    scales: Scales = ("7.62m", "52h")  # type: ignore[assignment]
    """Means of the exponentials of the wait."""
    weights: Weights = (0.6, 0.4)
    """Their shares; sum 1."""
    rhythm: Share = 0.0
    """Hour of day in the hazard: 0 none, 1 that of clicks."""
    prominence: Annotated[float, Field(ge=0, le=3)] = 0.0
    """By how much a fair coin a click moves the log-hazard, up or down, and nothing else: an instrument. Above 0 it is shown as
    the feature cart_prominence.
    """

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _weigh(self, "scales", "weights")
        return self


class Refund(Block):
    """The refund hazard of the first pay, with levels of the item, the shop, the tier and the user."""

    rate: Annotated[float, Field(gt=0, lt=1)] = 0.245
    """P(refund inside its window | paid)."""
    shop: NonNegativeFloat = 0.35
    """Sd of the level between shops."""
    tier: NonNegativeFloat = 0.25
    """Sd between user tiers."""
    item: NonNegativeFloat = 0.20
    """Sd between items."""
    user: NonNegativeFloat = 0.25
    """Sd between users."""
    by_cvr: tuple[float, float] = (-14.07, -9.116)
    """Logit of the refund rate on the item's own CVR c: const + first c + second c^2."""
    full_share: Share = 0.38
    """Refunds of the whole amount; the rest return a part."""
    scales: Scales = ("53.8s", "697.3s", "12290.2s", "240.2h")  # type: ignore[assignment]
    """Means of the exponentials of the wait after the pay."""
    weights: Weights = (0.1817, 0.1288, 0.1004, 0.5891)
    """Their shares; sum 1."""

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
    """Integrated hazard after the first pay."""
    further: Annotated[float, Field(ge=0, le=5)] = 0.148
    """Integrated hazard after each further pay."""
    loyalty: NonNegativeFloat = 0.35
    """Sd of the level between user tiers."""
    replenishable: PositiveFloat = 1.6
    """Level of categories one runs out of, over the others'."""
    segment: Annotated[float, Field(ge=0, le=3)] = 0.0
    """Sd of the log-level between interest segments."""
    category: Annotated[float, Field(ge=0, le=3)] = 0.0
    """Sd of the log-level between categories, replenishable ones apart."""
    scales: Scales = ("18m", "6h", "47.7h")  # type: ignore[assignment]
    """Means of the exponentials of the wait after a pay."""
    weights: Weights = (0.585, 0.035, 0.380)
    """Their shares; sum 1."""
    rhythm: Share = 0.0
    """Hour of day in the hazard, as in [world.delay]."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _weigh(self, "scales", "weights")
        return self


class Amount(Block):
    """ln amount = level + price * (item's price) + user * (user's spending) + levels of segment, category and brand
    + residual + growth * (ln(1 + hours since the click) - 1.6), + again for pays after the first.
    """

    level: float = 4.60
    """Logarithm of the middle amount."""
    price: NonNegativeFloat = 0.90
    """Weight of the item's price."""
    user: NonNegativeFloat = 0.30
    """Weight of the user's spending."""
    segment: NonNegativeFloat = 0.0
    """Sd between interest segments."""
    category: NonNegativeFloat = 0.0
    """Sd between categories."""
    brand: NonNegativeFloat = 0.0
    """Sd between brands."""
    residual: NonNegativeFloat = 0.84
    """Sd of what nothing explains."""
    plain: Share = 0.0
    """Share of journeys without a residual: what was clicked is bought, at its price."""
    shared: Share = 0.8
    """Part of the residual's variance that the pays of a journey have in common."""
    growth: float = 0.118
    """Weight of the logarithm of the hours since the click."""
    again: float = 0.0
    """Added for pays after the first."""
    by_hour: ByHour | None = None
    """Size of pays by the hour of the click; default: alike (their mean is level's)."""

    @property
    def spread(self) -> float:
        """Log of the mean of e^residual over all journeys."""
        whole = 0.5 * self.residual**2
        return whole if self.plain == 0 else math.log(self.plain + (1 - self.plain) * math.exp(whole))
