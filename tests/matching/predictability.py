"""How well a perfect model could tell repurchases and GMV: moments of a world's own latent levels."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Bool, Float64, Int64, Kind
from simulator.worlds.generate import World

NAMES = (
    "AUC of repurchase",
    "AUC of GMV",
    "AUC of GMV, class known",
    "GMV within 20 %, class known",
    "ALPR of GMV",
    "ALPR of GMV, class known",
)
NEAR = np.log([0.8, 1.2])


def ideal(one: World) -> tuple[Float64, Float64, Bool]:
    """Return what a perfect model could reach on the clicks of a world that paid (`NAMES`), their ln GMV, and which of
    them pay again.

    Of a click it knows the level of repurchases and the expected log-size of a pay, both functions of who and what, and
    learns the median of what GMV exceeds that size by at each level; "class known": at each level and class.
    """
    from scipy.stats import kendalltau, rankdata

    parts = []
    for (_, _, visit, _), day in zip(one.visits(), one.days(truth=False), strict=True):
        pay, n = day.events.kind == Kind.PAY, len(day.time)
        pays = np.bincount(day.events.row[pay], minlength=n)
        gmv = np.bincount(day.events.row[pay], day.events.amount[pay], minlength=n)
        paid = pays > 0
        parts.append((visit.loyalty[paid], visit.spending[paid], pays[paid] > 1, np.log(gmv[paid])))
    loyalty, size, again, log = (np.concatenate(column) for column in zip(*parts, strict=True))
    rank = rankdata(loyalty)
    positive, n = int(again.sum()), len(again)
    router = (rank[again].sum() - positive * (positive + 1) / 2) / (positive * (n - positive))
    unknown = size + _medians(log - size, loyalty)
    known = size + _medians(log - size, 2 * loyalty + again)
    auc = [(1 + kendalltau(guess, log).statistic) / 2 for guess in (unknown, known)]
    near = np.mean((known - log >= NEAR[0]) & (known - log <= NEAR[1]))
    ratio = [np.abs(guess - log).mean() / np.log(2) for guess in (unknown, known)]
    return np.array([router, *auc, near, *ratio]), log, again


def _medians(values: Float64, group: Int64) -> Float64:
    """Return the median of each value's group."""
    order = np.lexsort((values, group))
    _, first, count = np.unique(group[order], return_index=True, return_counts=True)
    middle = 0.5 * (values[order][first + (count - 1) // 2] + values[order][first + count // 2])
    result = np.empty_like(values)
    result[order] = np.repeat(middle, count)
    return result
