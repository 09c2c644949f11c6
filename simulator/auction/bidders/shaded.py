"""Bid less than it is worth, as first price asks for: by how much, the bidder learns from what it wins."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.auction.bidders.base import Bidder, Step
from simulator.auction.bidders.registry import bidder
from simulator.log.schema import Bool, Float64
from simulator.units import DAY, PositiveDuration

_BINS = 96
_LOG_LOW, _LOG_HIGH = np.log(1e-6), np.log(1e6)
_CENTRES: Float64 = _LOG_LOW + (np.arange(_BINS) + 0.5) * (_LOG_HIGH - _LOG_LOW) / _BINS
_Z: Float64 = np.linspace(-12.0, 12.0, 481)
_ITERATIONS = 30


@bidder("shaded")
class Shaded(Bidder):
    """Bid what earns most, (worth - bid) P(win | bid), against rivals whose best bid is taken to be log-normal.

    The landscape is fitted, at control steps, to which bids won and which lost: a probit regression on the logarithm of the
    bid. Until enough is known a bid is ``factor`` times the worth.
    """

    steps = True
    learns = True

    factor: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Of the worth, as long as the landscape is not known, or is not to be learnt."""
    adapt: bool = True
    """Whether to learn the landscape."""
    memory: PositiveDuration = "2d"  # type: ignore[assignment]
    """After this long a bid counts for 1/e of a new one."""
    fewest: Annotated[float, Field(gt=0)] = 200.0
    """Wins, and losses, from which on the landscape is known."""

    def start(self) -> Float64:
        return np.zeros(2 + 2 * _BINS)

    def bids(self, worth: Float64, control: Float64) -> Float64:
        mean, spread = control[:2]
        if not self.adapt or not spread:
            return worth * self.factor
        bid: Float64 = best_response(worth, float(mean), float(spread))
        return bid

    def learn(self, control: Float64, bids: Float64, won: Bool) -> Float64:
        if not self.adapt or not len(bids):
            return control
        place = ((np.log(bids) - _LOG_LOW) / (_LOG_HIGH - _LOG_LOW) * _BINS).astype(np.int64)
        place = np.clip(place, 0, _BINS - 1)
        counts = [np.bincount(place, of, _BINS) for of in (None, won)]
        return np.concatenate([control[:2], control[2:] + np.concatenate(counts)])

    def step(self, control: Float64, step: Step) -> Float64:
        tried, won = control[2:].reshape(2, _BINS)
        known = min(won.sum(), (tried - won).sum()) >= self.fewest
        fitted = _probit(tried, won, control[:2]) if self.adapt and known else control[:2]
        return np.concatenate([fitted, control[2:] * np.exp(-step.length * DAY / self.memory)])


def best_response(worth: Float64, mean: float, spread: float) -> Float64:
    """Return the bids b that maximise (worth - b) F(b), where F is log-normal.

    The first-order condition is worth = b + F(b) / f(b) = b (1 + spread Phi(z) / phi(z)) with z = (log b - mean) / spread,
    which rises in b: it is inverted on a grid of z.

    Parameters
    ----------
    mean, spread : of the logarithm of the best rival's bid.
    """
    from scipy.special import log_ndtr

    log_worth = (
        mean
        + spread * _Z
        + np.logaddexp(0.0, np.log(spread) + log_ndtr(_Z) + _Z**2 / 2 + np.log(2 * np.pi) / 2)
    )
    with np.errstate(divide="ignore"):
        z = np.interp(np.log(worth), log_worth, _Z)
    bid: Float64 = np.minimum(np.exp(mean + spread * z), worth)
    return bid


def _probit(tried: Float64, won: Float64, before: Float64) -> Float64:
    """Return mean and spread of the landscape by Fisher scoring; those of before where bids tell nothing of it."""
    from scipy.special import ndtr

    here = tried > 0
    x, n, k = _CENTRES[here], tried[here], won[here]
    centre = float((n * x).sum() / n.sum())
    design = np.stack([np.ones(len(x)), x - centre])
    beta = np.array([0.0, 1.0])
    for _ in range(_ITERATIONS):
        z = np.clip(beta @ design, -6.0, 6.0)
        p, density = ndtr(z), np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        score = design @ ((k - n * p) * density / (p * (1 - p)))
        weight = n * density**2 / (p * (1 - p))
        change = np.linalg.solve(design * weight @ design.T + 1e-9 * np.eye(2), score)
        beta = beta + np.clip(change, -1.0, 1.0)
    if not np.isfinite(beta).all() or beta[1] < 0.1:
        return before
    return np.array([centre - beta[0] / beta[1], 1 / beta[1]])
