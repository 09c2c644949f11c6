"""Kinds of promotions: what each sets that a one-day sale does not. A scenario's own keys win."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS: Mapping[str, Mapping[str, Any]] = {
    # Double 12 as measured: the defaults of the settings, or those of the preset.
    "one-day": {},
    # Deposits for two weeks, the rest paid at the opening. Assumed; anchored on Double 11, where 17 % of
    # bought favourites are four and more days old on ordinary days and 46 % on the day, and buys before it
    # fall to .62-1.03x for ten days (market_facts D).
    "presale": {
        "anticipation": "7d",
        "conversion": {"interest": 0.15},
        "waiting": {
            "onset": "14d",
            "floor": 0.25,
            "rise": 0.45,
            "scale": "2.5d",
            "returns": 0.85,
            "early": 0.55,
            "early_scale": "45m",
            "return_scale": "5h",
        },
    },
    # TRACE's promotion of days 68 and 69: a second day almost as strong; the third is assumed.
    "multi-day": {
        "length": "3d",
        "conversion": {"days": [1.0, 0.6, 0.75]},
        "waiting": {"return_scale": "12h"},
        "refund": {"wave_scale": "4d"},
    },
    # A few hours nobody expects (assumed throughout).
    "flash": {
        "length": "3h",
        "anticipation": "0s",
        "traffic": {"before": [], "during": 1.3, "opening": 0.8, "opening_scale": "1h", "after": []},
        "conversion": {
            "interest": 0.0,
            "rush": 0.0,
            "base": 1.2,
            "opening": 2.5,
            "opening_scale": "1h",
            "closing": 0.8,
            "closing_scale": "30m",
            "dip": 0.15,
            "dip_scale": "8h",
        },
        "waiting": {"onset": "0s", "floor": 0.0, "rise": 0.0, "returns": 0.0},
        "cart": {"during": 1.2, "after": 1.0, "after_length": "0s"},
        "refund": {"wave": 0.15, "wave_scale": "1d"},
        "price": {"discount": 0.2},
    },
    # Whoever pays in the sale holds a coupon for two of the days after it (sizes assumed; TRACE's second and
    # milder burst ten days after the first, 1.3-1.4x, shows the order of size).
    "coupon-return": {
        "coupon": {"start": "1d", "length": "2d", "repurchase": 2.0, "conversion": 0.3, "traffic": 0.15},
    },
}
"""Kind to the keys of ``[[world.promotion]]`` that it sets."""
