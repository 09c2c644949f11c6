"""Measured numbers behind the world's defaults, each with its source. Times in hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from simulator.log.schema import Float64

ORIGIN = datetime(2025, 5, 1, tzinfo=UTC)
"""Midnight of a Thursday: the first click day of CASCADE (NetCVR, WWW 2026, table 6)."""
FIRST_WEEKDAY = 3

CLICK_SHARE: Float64 = np.ravel(
    [
        [0.04066, 0.02101, 0.01179, 0.00825, 0.00673, 0.00752],
        [0.01285, 0.0235, 0.03238, 0.03932, 0.04457, 0.04332],
        [0.04337, 0.04896, 0.0489, 0.0499, 0.04762, 0.04136],
        [0.04482, 0.06032, 0.07638, 0.08928, 0.08872, 0.06847],
    ]
)
"""Share of a day's clicks by hour: Taobao mobile log (Tianchi, 2014), 11-18 to 12-08."""

BUY_SHARE: Float64 = np.ravel(
    [
        [0.02756, 0.01073, 0.00534, 0.00383, 0.00263, 0.00371],
        [0.00699, 0.01304, 0.02759, 0.04678, 0.06255, 0.05861],
        [0.05891, 0.06645, 0.06271, 0.06263, 0.06097, 0.04627],
        [0.0458, 0.05655, 0.06796, 0.07497, 0.07516, 0.05226],
    ]
)
"""Share of a day's buys by hour, same log and days."""

WEEKDAY_CLICKS: Float64 = np.array([1.038, 1.010, 0.985, 0.992, 0.924, 0.994, 1.075])
"""Clicks by weekday, Monday first, relative to the mean of 2014-11-18 to 11-30 in the same log."""

FAST_SHARE_OF_PAYS = 0.4
"""Share of the CASCADE pay mixture whose scale is under two hours (.2523 + .1492)."""


def buying_rhythm(strength: float, by_hour: Sequence[float] | None = None) -> Float64:
    """Pay hazard by hour of day, mean 1, raised to ``strength`` (0: flat).

    Without ``by_hour`` it is that of Taobao 2014: buys of an hour come from this hour's clicks (fast pays) and
    from a stock that hardly knows the hour (slow ones); the hazard is the buys over that mix.
    """
    clicks, buys = CLICK_SHARE / CLICK_SHARE.sum(), BUY_SHARE / BUY_SHARE.sum()
    hazard = buys / (FAST_SHARE_OF_PAYS * clicks + (1 - FAST_SHARE_OF_PAYS) / 24)
    shaped = (hazard if by_hour is None else np.asarray(by_hour)) ** strength
    normed: Float64 = shaped / shaped.mean()
    return normed


REFUND_LEVEL_PER_LOGIT = 0.8
"""d ln(hazard level) / d logit(RFR) = r / L at r = .35."""
LONG_OVER_SHORT_CVR = 1.34
"""15-day CVR .091 over 3-day CVR .068 (CASCADE)."""
PARTIAL_REFUND_POWER = 2.4
"""Share returned by a partial refund is 1 - U^(1/2.4): quantiles of UCI Online Retail's cancelled lines."""

AMOUNT_CENTRE = 1.6
"""ln(1 + hours since the click) at which a pay is of ordinary size (TRACE)."""

SHARED_DEAL_LEVEL = 0.8
"""Part of the sale's pay multiplier that all feel alike; what exceeds it acts in proportion to the deal
response.
"""
WAITING_CELL = 6
"""Hours over which the chance to wait is constant."""

TASTE_RANK = 4
ZIPF_SHIFT = 3.0
"""Popularity of rank r is (r + 3)^-a."""
LOYALTY_LEVELS = (-1.5, -0.5, 0.5, 1.5)
"""Standardised loyalty of a user tier; few levels keep the expected value of repurchases a small table."""
REPLENISHABLE_SHARE = 0.4
