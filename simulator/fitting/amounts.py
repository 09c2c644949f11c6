"""Amounts: ln amount = level + item + user + residual + growth with the time since the click."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.log.facts.sums import Gathered
from simulator.log.schema import Float64
from simulator.worlds.constants import AMOUNT_CENTRE


@dataclass(frozen=True, slots=True)
class Amounts:
    """Constants of ``[world.amount]``, and the standard error of the mean."""

    level: float
    price: float
    user: float
    residual: float
    shared: float
    growth: float
    again: float
    error: float


def fit_amounts(found: Gathered) -> Amounts | None:
    """Estimate the amounts' constants by moments; None of fewer than two positive amounts."""
    shape = found.amount.mean_sd_skew()
    if shape is None:
        return None
    _, sd, _ = shape
    growth, again, level = _growth(found.growth)
    price, user = (between(found.priced[key].sums()[1]) ** 0.5 for key in ("item", "user"))
    spread = (price**2 + user**2) ** 0.5
    if spread > sd:
        price, user = price * sd / spread, user * sd / spread
    residual = max(sd**2 - price**2 - user**2, 0.0) ** 0.5
    pairs, squares = found.amount_steps
    shared = 1 - squares / pairs / 2 / residual**2 if pairs >= 30 and residual > 0 else 0.8
    count = float(found.amount.sums[0])
    return Amounts(
        level, price, user, residual, float(np.clip(shared, 0.0, 1.0)), growth, again, sd / count**0.5
    )


def _growth(sums: Float64) -> tuple[float, float, float]:
    """Return the slope of ln amount on ln(1 + hours) within first and within later pays, the gap between the two, and
    the level at the centre of the slope.
    """
    n, x, y, xx, xy = sums.T
    many = n >= 30
    inside = float((xx - np.divide(x * x, n, out=np.zeros(2), where=n > 0))[many].sum())
    across = float((xy - np.divide(x * y, n, out=np.zeros(2), where=n > 0))[many].sum())
    growth = across / inside if inside > 1e-9 else 0.0
    at = np.divide(y - growth * (x - AMOUNT_CENTRE * n), n, out=np.zeros(2), where=n > 0)
    again = float(at[1] - at[0]) if many.all() else 0.0
    return growth, again, float(at[0] if n[0] else at[1])


def between(sums: Float64) -> float:
    """Return the variance between groups of a one-way layout from (count, sum, sum of squares), shape (3, groups).

    The analysis-of-variance estimator (Henderson 1953, method 1), cut at 0.
    """
    n, y, yy = sums
    total, groups = n.sum(), len(n)
    if groups < 2 or total - groups < 1:
        return 0.0
    within = float((yy - y * y / n).sum() / (total - groups))
    mean = y.sum() / total
    among = float((n * (y / n - mean) ** 2).sum() / (groups - 1))
    size = float((total - (n**2).sum() / total) / (groups - 1))
    return max((among - within) / size, 0.0) if size > 0 else 0.0
