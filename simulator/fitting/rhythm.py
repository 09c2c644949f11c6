"""The hour of day in the pay hazard: what hours pay more than their clicks and delays explain."""

from __future__ import annotations

import numpy as np

from simulator.fitting.mixture import Mixture
from simulator.log.schema import Float64

SLOTS = 240
"""Six minutes each."""
MOST = 20.0
ROUNDS = 20


def pay_rhythm(clicks: Float64, pays: Float64, seen: Mixture, window: float) -> tuple[Float64, Mixture]:
    """Return the pay hazard by hour of day, mean 1 over the hours, and the mixture without it.

    ``clicks`` and first ``pays`` by hour of day, shape (24,). Pays of an hour are its multiplier times what the clicks
    before it would bring at a flat hazard. The mixture as ``seen`` has the rhythm in it: most clicks come in hours that
    pay well, which makes fast components look heavier than they are. (Multipliers of clicks that are near to certain
    to pay come out too even.)
    """
    per_slot = np.repeat(clicks, SLOTS // 24) / clicks.sum() / (SLOTS // 24)
    lags = np.stack([_lag(scale, window) for scale in seen.scales])
    # Share of the clicks' unit hazard of each component that falls into each slot of the day, shape (components, slots).
    spread = np.fft.irfft(np.fft.rfft(per_slot) * np.fft.rfft(lags), SLOTS)
    hazard, weights, boost = np.ones(24), seen.weights, np.ones(len(seen.weights))
    for _ in range(ROUNDS):
        expected = (weights @ spread).reshape(24, -1).sum(1)
        hazard = np.divide(pays, expected, out=np.ones(24), where=expected > 0)
        hazard = np.clip(hazard / hazard.mean(), 1 / MOST, MOST)
        hazard /= hazard.mean()
        boost = (spread @ np.repeat(hazard, SLOTS // 24)) / spread.sum(1)
        weights = seen.weights / boost
        weights = weights / weights.sum()
    level = seen.level * float((seen.weights / boost).sum())
    return hazard, Mixture(weights, seen.scales, level, seen.events, seen.gap)


def _lag(scale: float, window: float) -> Float64:
    """Return the hazard of an exponential inside the window by time of day since the click, shape (SLOTS,)."""
    slots = int(np.ceil(window * SLOTS / 24))
    reached = -np.expm1(-np.minimum(np.arange(slots + 1) * 24 / SLOTS, window) / scale)
    lag: Float64 = np.bincount(np.arange(slots) % SLOTS, np.diff(reached), SLOTS).astype(np.float64)
    return lag
