"""The expected worth of a first pay: its own amount and that of all repurchases still to come inside the
window.

Amounts are in units of the click's own expected amount; a pay h hours after the click is worth
phi(h) = (1 + h)^.118 e^(-.118 * 1.6) times the price multiplier of its hour. Repurchases are a renewal
process in two stages: after the first pay a hazard of its class, after each further pay a common one. Their
worth follows from one backward recursion on a grid of elapsed time, in which the probability of landing in
each grid cell is exact and the worth there is taken at its middle.
"""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64
from simulator.worlds.constants import AMOUNT_LATER, PAY_FAST_PROFILE, PAY_SCALES, PAY_SLOW_PROFILE
from simulator.worlds.hazards import MixtureHazard
from simulator.worlds.mechanism import Mechanism

INTERVALS, PARTS = 16, 6
STRETCH = 3.0
"""Interval i of elapsed time ends at window * (i / 16)^3: dense where pays are."""


def later(hours: Float64) -> Float64:
    """Return phi: how much larger a pay is that comes this many hours after the click."""
    slope, centre = AMOUNT_LATER
    result: Float64 = np.exp(slope * (np.log1p(hours) - centre))
    return result


class Grid:
    """Elapsed time inside the attribution window: intervals, each cut into parts; weights of the parts sum to
    1 per interval.
    """

    def __init__(self, window: float) -> None:
        self.ends: Float64 = window * (np.arange(INTERVALS + 1) / INTERVALS) ** STRETCH
        share = np.arange(PARTS) / PARTS
        lower = self.ends[:-1, None] + np.diff(self.ends)[:, None] * share
        self.bounds: Float64 = np.append(lower.ravel(), window)
        self.middle: Float64 = 0.5 * (self.bounds[1:] + self.bounds[:-1])
        mean = 0.3 * np.array(PAY_FAST_PROFILE) + 0.7 * np.array(PAY_SLOW_PROFILE)
        survival = np.exp(-self.bounds / np.array(PAY_SCALES)[:, None]).T @ mean
        self.density: Float64 = survival[:-1] - survival[1:]

    def average(self, values: Float64, weights: Float64) -> Float64:
        """Average values over the parts of each interval; the last axis goes from parts to intervals."""
        split = (*values.shape[:-1], INTERVALS, PARTS)
        weighted = np.broadcast_to(weights, values.shape).reshape(split)
        result: Float64 = (values.reshape(split) * weighted).sum(-1) / weighted.sum(-1)
        return result


def worth(mechanism: Mechanism, grid: Grid, start: Float64) -> tuple[Float64, Float64]:
    """Return what a pay is worth by itself, and what the repurchases after a first pay are worth.

    For clicks at the hours ``start`` (T,) and first pays in the middle of each part: shapes (T, parts) and
    (classes, T, parts).
    """
    time = start[:, None] + grid.middle
    price = mechanism.schedule.price[np.minimum(time.astype(np.int64), mechanism.cells - 1)]
    own = later(grid.middle) * price
    reach = _reach(mechanism.repurchase, grid, start)
    further = _landing(reach, mechanism.settings.repurchase.further)
    parts = len(grid.middle)
    follow = np.zeros_like(own)
    for m in range(parts - 1, -1, -1):
        ahead = np.einsum("tn,tn->t", further[:, m, m + 1 :], own[:, m + 1 :] + follow[:, m + 1 :])
        here = further[:, m, m]
        follow[:, m] = (here * own[:, m] + ahead) / (1 - here)
    total = own + follow
    first = [np.einsum("tmn,tn->tm", _landing(reach, level), total) for level in mechanism.first_repurchase]
    return own, np.stack(first)


def _reach(hazard: MixtureHazard, grid: Grid, start: Float64) -> Float64:
    """Return the unit integrated hazard from the middle of part m to bound n, shape (T, parts, parts + 1); 0
    before.
    """
    wait = np.maximum(grid.bounds - grid.middle[:, None], 0.0)
    begins = hazard.components.remaining(start[:, None] + grid.middle)
    ends = hazard.components.remaining(start[:, None] + grid.bounds)
    total = np.zeros((len(start), *wait.shape))
    for weight, rate, begin, end in zip(hazard.weights, hazard.components.rates, begins, ends, strict=True):
        total += weight * (begin[:, :, None] - np.exp(-rate * wait) * end[:, None, :])
    return np.where(grid.bounds > grid.middle[:, None], total, 0.0)


def _landing(reach: Float64, level: float) -> Float64:
    """Return P(the next pay falls into part n | the last one in the middle of part m), shape (T, parts,
    parts).
    """
    survival = np.exp(-level * reach)
    result: Float64 = survival[:, :, :-1] - survival[:, :, 1:]
    return result
