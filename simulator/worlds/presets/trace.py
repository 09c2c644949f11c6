"""Preset ``trace``: the log of READER (WWW 2026), whose attribution window is seven days.

What is marked "fitted" comes from ``python -m simulator.worlds.matching trace``; the figure named is what it was
fitted to. TRACE holds clicks that paid: it has no CVR and no refunds, which are the blend's.
"""

from __future__ import annotations

from typing import Any

WORLD: dict[str, Any] = {
    # Fitted: paying clicks by block of three hours; inside a block the shape of Taobao's mobile log.
    "clicks_by_hour": [
        0.03195, 0.01651, 0.00926, 0.00944, 0.0077, 0.00861, 0.02175, 0.03978, 0.05481, 0.05465, 0.06195, 0.06021,
        0.05316, 0.06001, 0.05994, 0.05483, 0.05232, 0.04544, 0.03658, 0.04924, 0.06234, 0.05416, 0.05382, 0.04153,
    ],
    "delay": {
        # Fitted: first pays by block of three hours (three harmonics).
        "by_hour": [
            0.8731, 0.5912, 0.3892, 0.2867, 0.2649, 0.3179, 0.4667, 0.7368, 1.09, 1.383, 1.487, 1.433,
            1.34, 1.288, 1.284, 1.295, 1.274, 1.212, 1.142, 1.112, 1.145, 1.215, 1.243, 1.13,
        ],
        # Fitted: figure 3 (cumulative GMV) and the band of first pays by age (deconvolved volumes); how far the two
        # profiles lie apart is the blend's.
        "scales": ["527.4s", "24177.6s", "83.93h"],
        "fast_profile": [0.7048, 0.1757, 0.1195],
        "slow_profile": [0.4568, 0.2293, 0.3139],
    },
    "repurchase": {
        # Fitted: table 1, 53.55 % of paying clicks pay again, then 2.16 times in all.
        "first": 0.956,
        "further": 0.192,
        # Fitted: figure 3 and the band of later pays by age.
        "scales": ["705.5s", "21249.8s", "120.66h"],
        "weights": [0.3333, 0.0289, 0.6378],
        # Figure 3 climbs twice as fast around whole days as between them; 1 would halve the repurchase share of night
        # clicks, which hardly differ from others (blocks of three hours: .51 to .54).
        "rhythm": 0.4,
    },
    "amount": {
        # Fitted: figure 4, mean and sd of ln GMV of clicks with one pay and with more; growth and again with figure 3.
        "level": 4.807,
        "residual": 0.821,
        "growth": 0.216,
        "again": -0.409,
        # Fitted: figure 2, mean GMV by hour of the click, over what the waits of each hour make of it by themselves.
        "by_hour": [
            0.994, 0.928, 0.84, 0.814, 0.768, 0.77, 0.865, 0.971, 1.025, 1.049, 1.054, 1.046,
            1.031, 1.024, 1.013, 1.013, 1.003, 1.011, 1.007, 1.022, 1.015, 0.966, 0.93, 0.843,
        ],
    },
}  # fmt: skip

# Fitted: 50 % of the paying clicks of days 68, 69, 78 and 79 pay again.
SALE: dict[str, Any] = {"repurchase": {"during": 0.759}}

WINDOWS: dict[str, str] = {"attribution": "7d"}
