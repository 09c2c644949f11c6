"""How far a fact is known from the log at hand: 95 % intervals that count users, not rows, as independent.

Users fall into groups at random, and a fact's variance is that of the fact without each group in turn (the grouped jackknife;
Shao and Tu, The Jackknife and Bootstrap, 1995, 2.3). It holds for ratios, means and shapes alike, and counts whatever the
journeys of a user have in common. Two kinds of fact need more care:

- a share of ``n`` rows takes the interval of Clopper and Pearson at the effective size, the rows that would tell as much were
  they independent (Korn and Graubard, Survey Methodology 24, 1998): it holds for few rows too, and for none or all of them;
- a quantile takes the values at the ends of the interval of the share below it (Woodruff, JASA 47, 1952).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
Interval = tuple[float, float]


_NOISE = 1e-9
"""Relative difference between sums of the same values in another order."""


@dataclass(frozen=True, slots=True)
class Share:
    """The share of rows that have a property, and of how many."""

    value: float
    rows: float


def share_of(part: float, of: float) -> Share | None:
    """Return a share of rows; None of no rows."""
    return Share(float(part / of), float(of)) if of else None


def values_and_rows(
    facts: Iterable[tuple[str, float | Share | None]],
) -> tuple[dict[str, float], dict[str, float]]:
    """Return facts as numbers, and of how many rows those are shares that are; what is not known (None) is left out."""
    values: dict[str, float] = {}
    rows: dict[str, float] = {}
    for name, fact in facts:
        if isinstance(fact, Share):
            values[name], rows[name] = fact.value, fact.rows
        elif fact is not None:
            values[name] = float(fact)
    return values, rows


def interval_of(value: float, rests: Sequence[float], rows: float | None) -> Interval | None:
    """Return the interval of a fact from its values without each group of users, and of how many rows it is a share, if it is.

    None where fewer than two groups tell of it: one user does not say how users differ.
    """
    if len(rests) < 2:
        return None
    without = np.asarray(rests, np.float64)
    without = without[
        np.abs(without - value) > _NOISE * max(abs(value), _NOISE)
    ]  # the others have no part in it
    variance = float((len(without) - 1) * without.var()) if len(without) > 1 else 0.0
    if not math.isfinite(variance):
        return None
    if rows is not None:
        return of_share(value, rows, variance, len(without))
    if not variance > 0:
        return None
    half = student(len(without) - 1) * variance**0.5
    return value - half, value + half


def of_share(share: float, rows: float, variance: float, groups: int) -> Interval:
    """Return the interval of a share of rows whose variance over ``groups`` of users is ``variance``.

    Rows never count for more than independent ones. Where none or all of them have the property, nothing tells how alike a
    user's rows are, and they count as independent.
    """
    from scipy.special import betaincinv, ndtri

    spread = share * (1 - share)
    if spread > 0 and variance > 0 and groups > 1:
        rows = min(rows, spread / variance * (float(ndtri((1 + LEVEL) / 2)) / student(groups - 1)) ** 2)
    hits, tail = share * rows, (1 - LEVEL) / 2
    low = betaincinv(hits, rows - hits + 1, tail) if hits > 0 else 0.0
    high = betaincinv(hits + 1, rows - hits, 1 - tail) if hits < rows else 1.0
    return float(low), float(high)


def student(degrees: int) -> float:
    """Return the quantile of Student's t that bounds an interval on either side."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + LEVEL) / 2))
