"""From what a click has shown to log likelihood ratios of converting. Loads no torch."""

from __future__ import annotations

import numpy as np

from learners.heads import SMALLEST
from learners.trajectory.behaviour import Known
from learners.trajectory.horizons import States
from simulator.log.schema import Bool, Float64


def marginal(known: Known, states: States) -> tuple[Float64, Float64]:
    """Return ln p(o_h | x, 1) - ln p(o_h | x, 0) of pay and of cart, each of shape (n, horizons).

    o_h is the state at horizon h alone, known by then or not; 0 where the horizon is not visible. Probabilities are kept
    inside [1e-6, 1 - 1e-6]: no state is impossible.
    """
    paid, carted = (_by(first, known.horizons) for first in (states.paid, states.carted))
    visible = _by(states.seen, known.horizons, seen=True)
    with_pay = _log_of(known.pay.cumsum(axis=1), paid) - _log_of(np.zeros_like(known.pay), paid)
    with_cart = _log_of(known.cart_if_paid.cumsum(axis=1), carted)
    with_cart = with_cart - _log_of(known.cart_if_not.cumsum(axis=1), carted)
    return with_pay * visible, with_cart * visible


def chained(known: Known, states: States) -> Float64:
    """Return ln p(o_1, ..., o_k | x, 1) - ln p(o_1, ..., o_k | x, 0) of all visible horizons together, shape (n,).

    States being cumulative, that is the first horizon by which something was known, or that it was not: p(o_1) p(o_2 | o_1)
    and so on, and a posterior by Bayes' rule. Pay and cart are independent given x and y.
    """
    never = np.zeros_like(known.pay)
    pays = _log_first(known.pay, states.paid, states.seen) - _log_first(never, states.paid, states.seen)
    carts = _log_first(known.cart_if_paid, states.carted, states.seen)
    return pays + carts - _log_first(known.cart_if_not, states.carted, states.seen)


def _by(first: Float64, horizons: int, *, seen: bool = False) -> Bool:
    """Tell of each horizon whether something was known by it; or, ``seen``, whether it comes no later than this one."""
    each = np.arange(1, horizons + 1)
    by: Bool = first[:, None] >= each if seen else first[:, None] <= each
    return by


def _log_of(chance: Float64, happened: Bool) -> Float64:
    chance = np.clip(chance, SMALLEST, 1 - SMALLEST)
    logs: Float64 = np.log(np.where(happened, chance, 1 - chance))
    return logs


def _log_first(shares: Float64, first: Float64, seen: Float64) -> Float64:
    """Return the logarithm of the share of the first horizon, or of what is left after the last one that was seen."""
    with_none = np.concatenate([np.zeros((len(shares), 1)), shares], axis=1)
    rows, happened = np.arange(len(shares)), np.isfinite(first)
    came = with_none[rows, np.where(happened, first, 0).astype(np.int64)]
    left = 1 - with_none.cumsum(axis=1)[rows, seen.astype(np.int64)]
    logs: Float64 = np.log(np.clip(np.where(happened, came, left), SMALLEST, 1.0))
    return logs
