"""How many users (or items) there are, and how unequal: from how many are seen, and how often two clicks coincide."""

from __future__ import annotations

import numpy as np

from simulator.fitting.roots import crossing
from simulator.log.schema import Float64
from simulator.worlds.constants import ZIPF_SHIFT

STEEPEST = 2.5
MOST = 50_000_000
_SINGLE_RANKS, _BINS = 500, 1500


def population(clicks: float, distinct: float, pairs: float) -> tuple[int, float]:
    """Return size and Zipf exponent a of a population: rank r is clicked in proportion to (r + 3)^-a.

    Matches the number of distinct ids among ``clicks`` and the ordered ``pairs`` of clicks on the same one, both in
    expectation under independent clicks. Where even equal popularity gives more pairs, a is 0.
    """

    def surplus(exponent: float) -> float:
        return _pairs(clicks, _size(clicks, distinct, exponent), exponent) - pairs

    exponent = crossing(surplus, 0.0, STEEPEST)
    return max(round(_size(clicks, distinct, exponent)), 1), exponent


def _size(clicks: float, distinct: float, exponent: float) -> float:
    """Return the size of the population of which ``distinct`` are seen; bounded, since all may be seen once."""

    def beyond(log_size: float) -> float:
        count, share = _ranks(float(np.exp(log_size)), exponent)
        return float((count * -np.expm1(-clicks * share)).sum()) - distinct

    return float(np.exp(crossing(beyond, float(np.log(max(distinct, 1.0))), float(np.log(MOST)))))


def _pairs(clicks: float, size: float, exponent: float) -> float:
    count, share = _ranks(size, exponent)
    return float(clicks * (clicks - 1) * (count * share**2).sum())


def _ranks(size: float, exponent: float) -> tuple[Float64, Float64]:
    """Return how many ranks are in each bin of ranks, and the share of clicks of each of them."""
    single = min(size, float(_SINGLE_RANKS))
    edges = np.arange(int(single) + 1, dtype=np.float64)
    if size > edges[-1]:
        rest = np.geomspace(max(edges[-1], 1.0), size, _BINS)
        edges = np.concatenate([edges, rest[rest > edges[-1]]])
    count = np.diff(edges)
    weight = ((edges[1:] + edges[:-1]) / 2 + ZIPF_SHIFT) ** -exponent
    share: Float64 = weight / (count * weight).sum()
    return count, share
