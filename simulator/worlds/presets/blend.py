"""Preset ``blend``, the default: CASCADE's rates and delays, TRACE's repurchases, Taobao's hours and Double 12.

These are the defaults of the settings, said once more with their sources (a test keeps both the same). What is not
here is not measured: how far users, items and campaigns differ, and how fast all this drifts, was set so that a model
that is frozen loses .03 to .04 AUC in two weeks (segments, categories and contexts must have some twenty pays a day
for a drift to be learnable at all).
"""

from __future__ import annotations

from typing import Any

WORLD: dict[str, Any] = {
    # NetCVR (WWW 2026): 3-day labels, table 6 and figure 8.
    "cvr": 0.068,
    # About 20 clicks a user in half a million clicks would be 25,000; 40,000 keeps the tail of rare ones.
    "users": 40_000,
    "delay": {
        # NetCVR, figure 8: mixture of three exponentials, rms error of the CDF .005.
        "scales": ["6.906m", "1.26h", "43.98h"],
        # Two profiles whose propensity-weighted mix keeps 26-28 % of pays within 14.4 minutes (figure 8: 27.7 %).
        "fast_profile": [0.34, 0.20, 0.46],
        "slow_profile": [0.085, 0.09, 0.825],
        "fast": -0.9,
        "fast_slope": 0.45,
        "user_slope": 0.0,
        # 1: the hours of Taobao's mobile log (Tianchi 2014, 11-18 to 12-08).
        "rhythm": 1.0,
    },
    # Taobao UserBehavior 2017, raw log of 114 users: first click to first cart, quartiles .068, .234, 24.5 h (71 pairs).
    # Taobao has 2.9 % carts and 1.0 % buys per click: at CASCADE's CVR that ratio is .195.
    "cart": {"rate": 0.195, "scales": ["7.62m", "52h"], "weights": [0.6, 0.4]},
    "refund": {
        # NetCVR, released log: 3-day refund rate of pays.
        "rate": 0.245,
        # NetCVR, figure 8: hazards whose refunds, of shoppers that differ, follow the CDF to .015 (those of the preset
        # cascade; a mixture fitted to the curve itself comes out up to .05 too fast, as hazards saturate).
        "scales": ["53.8s", "697.3s", "12290.2s", "240.2h"],
        "weights": [0.1817, 0.1288, 0.1004, 0.5891],
        # NetCVR, figure 3: refund rate by the item's CVR, as fitted for the preset cascade.
        "by_cvr": [-14.07, -9.116],
        # UCI Online Retail: share of cancelled lines that are cancelled whole.
        "full_share": 0.38,
    },
    "repurchase": {
        # READER (WWW 2026), table 1: 53.55 % of paying clicks pay again within seven days, 2.16 pays then.
        "first": 0.767,
        "further": 0.148,
        # READER, figure 3 (cumulative GMV), in seven days.
        "scales": ["18m", "6h", "47.7h"],
        "weights": [0.585, 0.035, 0.380],
    },
    # READER, figures 3 and 4: sd of ln GMV 1.23, later orders larger, pays of a journey alike.
    "amount": {"level": 4.60, "price": 0.90, "user": 0.30, "residual": 0.84, "shared": 0.8, "growth": 0.118},
}

SALE: dict[str, Any] = {
    # Taobao mobile log, 2014-12-01 to 12-18 over 11-18 to 11-30: clicks, direct input.
    "traffic": {
        # Each over the usual clicks of its weekday, as in the preset taobao-mobile, whose values these are.
        "before": [1.073, 1.073, 1.073, 1.073, 1.073, 1.073, 1.073, 1.073, 1.076, 1.173, 1.348],
        "during": 1.561,
        "opening": 1.864,
        "opening_scale": "9.03h",
        "after": [1.126, 1.029, 1.054, 1.074],
    },
    # Same log: fitted together by ``python -m tests.matching blend`` to buys per click and carts per click of
    # the days -11 to +4 and to the hours of the day, with CASCADE's delays, on expected counts of simulated clicks; base,
    # opening and closing are .97 of the fit to one world, so that the mean of six worlds is right.
    "conversion": {
        "interest": 0.109,
        "rush": 0.815,
        "rush_scale": "400.9m",
        "base": 0.217,
        "opening": 10.70,
        "opening_scale": "442.9m",
        "closing": 3.27,
        "closing_scale": "197.7m",
        "dip": 0.3185,
        "dip_scale": "33.87h",
    },
    # Same fit: the carts above normal are the pays put off.
    "waiting": {
        "onset": "11d",
        "floor": 0.1238,
        "rise": 0.4635,
        "scale": "24.51h",
        "returns": 0.4767,
        "early": 0.0004,
        "early_scale": "35.4m",
        "return_scale": "377.3m",
    },
    "cart": {"during": 1.62, "after": 0.895, "after_length": "6d"},
    # No public data on refunds around a sale, on discounts, or on tastes: assumptions.
    "refund": {"wave": 0.25, "wave_scale": "3d"},
    "price": {"discount": 0.12},
    "taste": {"shift": 0.5},
    # READER: 2-3 % more pays per paying click on promotion days.
    "repurchase": {"during": 1.25},
}

WINDOWS: dict[str, str] = {"attribution": "3d", "refund": "3d", "observation": "14.4m"}
