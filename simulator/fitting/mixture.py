"""Waiting times as a hazard of exponentials: L sum_k w_k exp(-s / scale_k) / scale_k, seen up to a window.

The integrated hazard is Nelson and Aalen's (events over journeys still at risk, bin by bin), so that neither a high rate
nor a shrinking window biases it; the mixture is fitted to its increments by EM (Dempster, Laird and Rubin 1977) with
truncated exponentials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from simulator.fitting.roots import crossing
from simulator.log.schema import Float64

LONGEST = 4.0
"""A scale is at most this many windows: beyond, its density is flat inside the window, and longer ones look the same."""
SHORTEST = 1 / 3600
"""Hours: events of the very instant of their cause get a wait of about a second."""
STEPS, ENOUGH = 1000, 1e-9
APART, SMALLEST = 1.4, 0.005
"""Components nearer than this factor, or lighter than this share, are one."""
FAINT = 0.002
HIGHEST = 50.0
"""No level is solved for beyond."""
PER_COMPONENT = 15
"""Events that a component needs."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """``weights`` sum to 1, ``scales`` are in hours, ascending; ``level`` is the integrated hazard without an end."""

    weights: Float64
    scales: Float64
    level: float
    events: int
    gap: float
    """Largest distance between the fitted and the measured distribution inside the window."""

    def mass(self, elapsed: Float64) -> Float64:
        """Return the integrated hazard of a unit level up to each elapsed time (hours)."""
        result: Float64 = self.weights @ -np.expm1(-np.maximum(elapsed, 0.0) / self.scales[:, None])
        return result


def integrated_hazard(events: Float64, at_risk: Float64) -> Float64:
    """Return the increments of the integrated hazard, bin by bin (Aalen 1978); 0 where nobody is at risk."""
    middle = np.maximum(at_risk - 0.5 * events, 0.5 * events)
    result: Float64 = np.divide(events, middle, out=np.zeros(len(events)), where=(events > 0) & (middle > 0))
    return result


def censored_hazard(events: Float64, could: Float64) -> Float64:
    """Return increments of the integrated hazard where fewer and fewer journeys have this much time left.

    ``could`` counts, by bin, those whose window is long enough, whether or not their event has come; that an event comes
    late is taken to be independent of how much time there is.
    """
    increments, survival = np.zeros(len(events)), 1.0
    for i in np.flatnonzero((events > 0) & (could > 0)):
        at_risk = max(could[i] * survival, events[i])
        increments[i] = events[i] / max(at_risk - 0.5 * events[i], 0.5 * events[i])
        survival *= float(np.exp(-increments[i]))
    return increments


def fit_mixture(
    edges: Float64, increments: Float64, window: float, events: int, components: int
) -> Mixture | None:
    """Fit at most ``components`` exponentials to increments of an integrated hazard between ``edges`` (hours).

    Returns None where there are too few events for a single one.
    """
    number = min(components, events // PER_COMPONENT)
    used = np.flatnonzero(increments > 0)
    if number < 1 or not len(used):
        return None
    low, high = edges[used], np.minimum(edges[used + 1], window)
    mass = increments[used] / increments.sum()
    while True:
        weights, scales = _em(low, high, mass, window, number)
        near = number > 1 and (scales[1:] / scales[:-1] < APART).any()
        if number == 1 or (not near and weights.min() >= SMALLEST):
            break
        number -= 1
    inside = -np.expm1(-window / scales)
    before = weights / inside
    level = float(increments.sum() * before.sum())
    fitted = weights @ (np.expm1(-high / scales[:, None]) / -inside[:, None])
    gap = float(np.abs(fitted - np.cumsum(mass)).max())
    return Mixture(before / before.sum(), scales, level, events, gap)


def reaching(mixture: Mixture, window: float) -> Mixture:
    """Add a faint slow component where none reaches far into the window: a world's hazard must not vanish in it."""
    if mixture.scales[-1] >= window / 20:
        return mixture
    weights = np.append(mixture.weights * (1 - FAINT), FAINT)
    return Mixture(weights, np.append(mixture.scales, window / 3), mixture.level, mixture.events, mixture.gap)


def _em(low: Float64, high: Float64, mass: Float64, window: float, number: int) -> tuple[Float64, Float64]:
    """Return the shares inside the window, and the scales, ascending."""
    middle = np.maximum((low + high) / 2, SHORTEST / 2)
    place = np.minimum((np.cumsum(mass) - mass / 2) * number, number - 1e-9).astype(np.int64)
    sums = np.bincount(place, mass, number)
    scales = np.bincount(place, mass * middle, number) / np.maximum(sums, 1e-300)
    scales = np.maximum.accumulate(np.clip(scales, SHORTEST, LONGEST * window) * 1.01 ** np.arange(number))
    weights = np.full(number, 1 / number)
    last = -np.inf
    for _ in range(STEPS):
        ends = np.exp(-low / scales[:, None]) - np.exp(-high / scales[:, None])
        joint = weights[:, None] * ends / -np.expm1(-window / scales)[:, None] + 1e-300
        whole = joint.sum(0)
        likelihood = float(mass @ np.log(whole))
        share = joint / whole * mass
        weights = share.sum(1)
        scales = _truncated_scale((share @ middle) / np.maximum(weights, 1e-300), window)
        if likelihood - last < ENOUGH:
            break
        last = likelihood
    order = np.argsort(scales, kind="stable")
    return weights[order] / weights.sum(), scales[order]


def _truncated_scale(mean: Float64, window: float) -> Float64:
    """Return the scale of an exponential cut at ``window`` that has this mean, within [SHORTEST, LONGEST windows]."""

    def excess(scale: float, own: float) -> float:
        ends = window / scale
        return scale + window * math.exp(-ends) / math.expm1(-ends) - own

    return np.array([crossing(partial(excess, own=own), SHORTEST, LONGEST * window) for own in mean.tolist()])


def level_of(mixture: Mixture, rest: Float64, count: Float64, events: float) -> float:
    """Return the level at which journeys with this much time left (hours, ``count`` of each) have so many events.

    Solves sum count (1 - exp(-level mass(rest))) = events, at most `HIGHEST`; 0 of no events.
    """
    if events <= 0:
        return 0.0
    mass = mixture.mass(rest)
    return crossing(lambda level: float((count * -np.expm1(-level * mass)).sum()) - events, 0.0, HIGHEST)
