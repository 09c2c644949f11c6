"""What a bid brings where the highest rival bid is log-normal: second-price, and first-price with a shaded bid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulator.auction.settings import Mechanism
from simulator.log.schema import Float64

_GRID: Float64 = np.linspace(-60.0, 9.0, 13_801)
"""Standardised logarithms of bids between which the shaded bid is interpolated: to 1e-5 of it."""


@dataclass(frozen=True, slots=True)
class Auction:
    """One impression, sold to the highest bid.

    Parameters
    ----------
    kind : whether the winner pays the highest rival bid, or its own.
    median, spread : of the highest rival bid H: ln H is normal with mean ln(median) and standard deviation ``spread``.
    """

    kind: Mechanism
    median: float
    spread: float

    def bid(self, value: Float64) -> Float64:
        """Return the bid that is best for one who believes in a value: the value itself, or in a first-price auction the b
        with b + F(b) / f(b) = value, F being the distribution function of H and f its density. Shape as ``value``.
        """
        if self.kind == "second-price":
            return value
        from scipy.special import log_ndtr

        # In units of the median: F / f = x spread Phi(z) / phi(z), which grows with x = exp(spread z).
        ratio = np.exp(log_ndtr(_GRID) + 0.5 * _GRID**2 + 0.5 * math.log(2 * math.pi))
        believed = self.spread * _GRID + np.log1p(self.spread * ratio)
        with np.errstate(divide="ignore"):
            wanted = np.log(value / self.median)
        shaded: Float64 = self.median * np.exp(np.interp(wanted, believed, self.spread * _GRID))
        return np.where(value > 0, np.minimum(shaded, value), 0.0)

    def profit(self, bid: Float64, value: Float64) -> Float64:
        """Return what a bid brings in the mean over H: what is won is worth ``value``, less what is paid for it."""
        from scipy.special import ndtr

        with np.errstate(divide="ignore"):
            z = np.log(bid / self.median) / self.spread
        wins = ndtr(z)
        if self.kind == "first-price":
            return np.asarray((value - bid) * wins, np.float64)
        paid = self.median * math.exp(0.5 * self.spread**2) * ndtr(z - self.spread)
        return np.asarray(value * wins - paid, np.float64)
