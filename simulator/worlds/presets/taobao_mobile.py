"""Preset ``taobao-mobile``: Taobao's mobile log of 2014 with its Double 12 (Tianchi), delays of UserBehavior 2017.

What is marked "fitted" comes from ``python -m tests.matching taobao-mobile``. The log's "pays per click" are
counts of a day over clicks of that day; a click here is one of its views.
"""

from __future__ import annotations

from typing import Any

WORLD: dict[str, Any] = {
    # 11-18 to 11-30: 1.005 % buys per click, less the repurchases.
    "cvr": 0.0098,
    # 11-18 to 11-30: 2.885 % carts per click, and their hours of the day (a dial, by hand, to .1).
    "cart": {"rate": 0.029, "rhythm": 0.4},
    # UserBehavior, raw log of 114 users: 206 buys of 199 pairs of user and item.
    "repurchase": {"first": 0.035, "further": 0.035},
    # 11-18 to 11-30: buys per click vary by 5 % from day to day, 4 % without the error of their counts, and two weeks
    # later they are what they were. The blend's drifts would make it 5 to 10 % (sixty categories do not average out) and
    # take the level elsewhere; these make it 2.5 %, and 3 % from one week to the next but one.
    "drift": {"level": 0.0, "category": 0.06, "taste": 0.15, "context": 0.02},
    "churn": {"evergreen": 0.6},
    "effects": {"campaign": 0.15},
    "delay": {
        # Fitted: buys by hour of day, 11-18 to 12-08.
        "by_hour": [
            0.5985, 0.3393, 0.2278, 0.2143, 0.1685, 0.2541, 0.4087, 0.6043, 0.994, 1.372, 1.78, 1.621,
            1.58, 1.647, 1.538, 1.476, 1.465, 1.123, 1.172, 1.149, 1.132, 1.145, 1.14, 0.8494,
        ],
        # Fitted: UserBehavior, last click to buy (53,996 pairs). How far the two profiles lie apart is the blend's.
        "scales": ["536.3s", "7210.9s", "21.42h"],
        "fast_profile": [0.7299, 0.1657, 0.1044],
        "slow_profile": [0.4909, 0.2243, 0.2848],
    },
}  # fmt: skip

SALE: dict[str, Any] = {
    "traffic": {
        # 12-01 to 12-11 over 11-18 to 11-30 (1.08, 1.087, 1.155, 1.337): clicks, direct input, each over the usual
        # clicks of its weekday (`constants.WEEKDAY_CLICKS`; Double 12 was a Friday), which the world has besides.
        "before": [1.073, 1.073, 1.073, 1.073, 1.073, 1.073, 1.073, 1.073, 1.076, 1.173, 1.348],
        # Fitted: clicks of 12-12 by hour over usual ones, 1.863 on the day, 2.016 times a Friday's.
        "during": 1.561,
        "opening": 1.864,
        "opening_scale": "9.03h",
        # 12-13 to 12-16 (1.119, 1.106, 1.094, 1.085), likewise.
        "after": [1.126, 1.029, 1.054, 1.074],
    },
    # Fitted together, on expected counts of simulated clicks: buys per click and carts per click of the days -11 to +4,
    # hours of the day, and the share of its pays whose click is of an earlier day. The last is Double 11's (Tmall log,
    # IJCAI-15) among lags of up to three days, .268: the .38 of all lags has .15 of four days and more. Base, opening and
    # closing are .96 of the fit to one world, which makes buys per click of the day right in the mean of six.
    "conversion": {
        "interest": 0.0902,
        "rush": 1.046,
        "rush_scale": "277.4m",
        "base": 0.270,
        "opening": 9.68,
        "opening_scale": "352.3m",
        "closing": 2.95,
        "closing_scale": "192.6m",
        "dip": 0.297,
        "dip_scale": "27.43h",
    },
    "waiting": {
        "onset": "11d",
        "floor": 0.1185,
        "rise": 0.4907,
        "scale": "24.99h",
        "returns": 0.5495,
        "early": 0.0005,
        "return_scale": "14h",
    },
    "cart": {"during": 1.498, "after": 0.882, "after_length": "6d"},
}

WINDOWS: dict[str, str] = {"attribution": "3d"}
