"""The level of the first repurchase: classes, so that what a repurchase is worth is a small table.

A class is 2 * (loyalty of the user's tier) + (the category is one that runs out). Where segments or categories have a
level of their own, the sum of all parts of the log-level is rounded to steps of a quarter, and the step is the class:
the rounded level is the true one.
"""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64, Int64
from simulator.worlds.constants import LOYALTY_LEVELS, REPLENISHABLE_SHARE
from simulator.worlds.journey_settings import Repurchase
from simulator.worlds.population import Market

STEP = 0.25
LOWEST, HIGHEST = -24, 12
"""Steps beyond which log-levels are cut: next to nobody pays again, next to everybody does."""


def graded(repurchase: Repurchase) -> bool:
    """Tell whether segments or categories have a level of their own."""
    return repurchase.segment > 0 or repurchase.category > 0


def _kinds(repurchase: Repurchase) -> Float64:
    """Return the level by loyalty of the tier and by kind of category, over ``first``; about 1 on average."""
    loyalty = np.array(LOYALTY_LEVELS) / np.std(LOYALTY_LEVELS)
    spread = repurchase.loyalty
    tiers = np.exp(spread * loyalty - 0.5 * spread**2)
    ratio = repurchase.replenishable
    kinds = np.array([1.0, ratio]) / (REPLENISHABLE_SHARE * ratio + 1 - REPLENISHABLE_SHARE)
    result: Float64 = np.outer(tiers, kinds)
    return result


def repurchase_levels(repurchase: Repurchase) -> Float64:
    """Return the level by class; `Levels.repurchase` sets their height for the paying clicks of a world."""
    if graded(repurchase):
        steps: Float64 = repurchase.first * np.exp(STEP * np.arange(LOWEST, HIGHEST + 1))
        return steps
    levels: Float64 = repurchase.first * _kinds(repurchase).ravel()
    return levels


def loyalty_classes(repurchase: Repurchase, market: Market, segment: Int64, category: Int64) -> Int64:
    """Return each click's class."""
    tier, runs_out = market.tier_loyalty[market.tier], market.replenishable.astype(np.int64)
    if not graded(repurchase):
        classes: Int64 = 2 * tier.astype(np.int64)[segment] + runs_out[category]
        return classes
    kinds = np.log(_kinds(repurchase))
    # The table of kinds is a product: its log is the sum of a column and of a row.
    user = kinds[tier, 0] + market.segment_loyalty
    item = (kinds[0] - kinds[0, 0])[runs_out] + market.category_loyalty
    steps = np.rint((user[segment] + item[category]) / STEP).astype(np.int64)
    graded_classes: Int64 = np.clip(steps, LOWEST, HIGHEST) - LOWEST
    return graded_classes
