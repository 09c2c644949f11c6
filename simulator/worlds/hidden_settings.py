"""What no learner sees: the hidden confounder, and the impressions behind the clicks. Tables of ``[world]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeFloat, field_validator

from simulator.scenario.base import Block
from simulator.units import MINUTE, Duration, format_duration

LONGEST_MEAN_LAG = 3 * MINUTE


class Confounder(Block):
    """Hidden intent u of a visit, which moves click, cart and pay together (0: none).

    Over the impressions that are passed over u is standard normal (on seven points); clicks are tilted by
    exp(strength * click * u). Log-hazards move by strength * cart * u and strength * pay * u; the answer to
    deals by exp(strength * deal * u): below 0, those of little intent are the price-sensitive ones.
    """

    strength: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Strength of all of it; 0: there is none."""
    click: Annotated[float, Field(ge=-2, le=2)] = 0.5
    """Part in clicking."""
    cart: Annotated[float, Field(ge=-2, le=2)] = 0.7
    """Part in the log-hazard of carts."""
    pay: Annotated[float, Field(ge=-2, le=2)] = 1.0
    """Part in the log-hazard of paying."""
    deal: Annotated[float, Field(ge=-2, le=2)] = -0.3
    """Part in the logarithm of the answer to deals."""


class Exposure(Block):
    """Who clicks what is shown: an impression is seen with probability exp(-position * depth), its depth being 0 to 1 of the
    way down; whoever sees it clicks with logit base (solved for) + slope * (log-hazard of paying, cut at +-2) + the
    confounder's part.
    """

    rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Clicks per impression."""
    slope: Annotated[float, Field(ge=-1, le=1)] = 0.25
    """By the log-hazard of paying."""
    position: NonNegativeFloat = Field(default=1.0, le=4)
    """By the depth of the position; 0: all are seen alike."""
    instrument: bool = True
    """Whether the position moves clicks alone, where there are impressions; if not, paying too, as without impressions."""
    lag: Duration = "3s"  # type: ignore[assignment]
    """Mean time from an impression to its click (exponential, at most ten times the mean); up to 3m."""
    randomised: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Further impressions, as a share of all, that a fair coin clicks: the randomised slice."""

    @field_validator("lag")
    @classmethod
    def _short(cls, lag: int) -> int:
        if lag > LONGEST_MEAN_LAG:
            longest = format_duration(LONGEST_MEAN_LAG)
            raise ValueError(f"lag is {format_duration(lag)}; allowed: up to {longest}")
        return lag
