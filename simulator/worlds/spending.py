"""The expected worth of a first pay: its own amount and that of all repurchases still to come inside the
window.

Amounts are in units of the click's own expected amount; a pay h hours after the click is worth
phi(h) = (1 + h)^g e^(-1.6 g) (g: ``amount.growth``) times the price multiplier of its hour. Repurchases are a
renewal process in two stages: after the first pay a hazard of its class, after each further pay a common one
(its calendar is another one where the pay before earned a coupon). Their worth follows from one backward
recursion on a grid of elapsed time, in which the probability of landing in each grid cell is exact and the
worth there is taken at its middle.
"""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64
from simulator.worlds.constants import AMOUNT_CENTRE
from simulator.worlds.hazards import MixtureHazard
from simulator.worlds.journey_settings import Delay
from simulator.worlds.mechanism import Mechanism, hours

INTERVALS, PARTS = 16, 6
STRETCH = 3.0
"""Interval i of elapsed time ends at window * (i / 16)^3: dense where pays are."""


def later(growth: float, elapsed: Float64) -> Float64:
    """Return phi: how much larger a pay is that comes this many hours after the click."""
    result: Float64 = np.exp(growth * (np.log1p(elapsed) - AMOUNT_CENTRE))
    return result


class Grid:
    """Elapsed time inside the attribution window: intervals, each cut into parts; weights of the parts sum to
    1 per interval.
    """

    def __init__(self, window: float, delay: Delay) -> None:
        self.ends: Float64 = window * (np.arange(INTERVALS + 1) / INTERVALS) ** STRETCH
        share = np.arange(PARTS) / PARTS
        lower = self.ends[:-1, None] + np.diff(self.ends)[:, None] * share
        self.bounds: Float64 = np.append(lower.ravel(), window)
        self.middle: Float64 = 0.5 * (self.bounds[1:] + self.bounds[:-1])
        mean = 0.3 * np.array(delay.fast_profile) + 0.7 * np.array(delay.slow_profile)
        survival = np.exp(-self.bounds / np.array(hours(delay.scales))[:, None]).T @ mean
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
    (coupons, classes, T, parts), where the first coupon is none and the others are those of
    `Mechanism.repurchases`: which of them a first pay has is for the caller to choose.
    """
    time = start[:, None] + grid.middle
    price = mechanism.schedule.price[np.minimum(time.astype(np.int64), mechanism.cells - 1)]
    amount = mechanism.settings.amount
    own = later(amount.growth, grid.middle) * price
    reaches = [_reach(hazard, grid, start) for hazard in mechanism.repurchases]
    held = mechanism.coupon(time)[:, :, None]
    reach = np.choose(held, reaches) if len(reaches) > 1 else reaches[0]
    further = _landing(reach, mechanism.settings.repurchase.further)
    again = np.exp(amount.again) * own
    follow = np.zeros_like(own)
    for m in range(len(grid.middle) - 1, -1, -1):
        ahead = np.einsum("tn,tn->t", further[:, m, m + 1 :], again[:, m + 1 :] + follow[:, m + 1 :])
        here = further[:, m, m]
        follow[:, m] = (here * again[:, m] + ahead) / (1 - here)
    total = again + follow
    # Sum over n of (S_n - S_n+1) total_n, by parts: one product with the survival S = e^-(level * reach).
    steps = np.diff(total, axis=1, prepend=0.0, append=0.0)
    steps[:, -1] = -total[:, -1]
    first = [
        [np.einsum("tmn,tn->tm", np.exp(-level * r), steps) for level in mechanism.first_repurchase]
        for r in reaches
    ]
    return own, np.array(first)


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
