"""Logistic regression by Newton's method, in numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulator.evaluation.causal.least_squares import with_constant
from simulator.log.schema import Float64
from simulator.logistic import expit, logit

RIDGE = 1e-3
"""Half the prior precision of each coefficient but the constant: next to nothing where there are data, finite where a column
tells the outcomes apart entirely."""
_STEPS = 40
_SMALL = 1e-10


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted model: logit P(label = 1 | x) = ``constant`` + x @ ``slopes``; called with x it returns the chances."""

    constant: float
    slopes: Float64

    def __call__(self, design: Float64) -> Float64:
        """Return P(label = 1 | x) of each row of ``design``, shape (n, d)."""
        return expit(self.constant + design @ self.slopes)


def fit_logistic(
    design: Float64,
    label: Float64,
    weight: Float64 | None = None,
    *,
    ridge: float = RIDGE,
    start: Logistic | None = None,
) -> Logistic:
    """Fit by Newton's method on the weighted likelihood, halving steps that do not raise it.

    Where all labels are equal the model is that constant, 0 or 1.

    Parameters
    ----------
    design, label : x, shape (n, d), and 0 or 1 (or a chance), shape (n,).
    weight : of each row. None: 1.
    ridge : times the squared slopes, taken off the likelihood.
    start : coefficients to begin at.

    Raises
    ------
    ValueError : no row has weight.
    """
    weight = np.ones(len(label)) if weight is None else weight
    total = float(weight.sum())
    if not total > 0:
        raise ValueError("a logistic regression needs at least one row")
    rate = float(weight @ label) / total
    if rate in {0.0, 1.0}:
        return Logistic(float(logit(np.array([rate]))[0]), np.zeros(design.shape[1]))
    whole, penalty = with_constant(design), _penalty(design, ridge)
    if start is not None and np.isfinite(start.constant):
        beta = np.append(start.constant, start.slopes)
    else:
        beta = np.append(np.log(rate / (1 - rate)), np.zeros(design.shape[1]))
    value = _objective(whole @ beta, label, weight, beta, penalty)
    for _ in range(_STEPS):
        chance = expit(whole @ beta)
        slope = whole.T @ (weight * (label - chance)) - penalty * beta
        step = np.linalg.solve(_curvature(whole, chance, weight, penalty), slope)
        nearly = float(slope @ step) < _SMALL * total  # twice what is still to be gained
        while True:
            found = _objective(whole @ (beta + step), label, weight, beta + step, penalty)
            if nearly or found >= value or not np.any(step):
                break
            step = np.where(np.abs(step) > _SMALL, step / 2, 0.0)
        beta, value = beta + step, found
        if nearly or not np.any(step):
            break
    return Logistic(float(beta[0]), beta[1:])


def one_step(
    whole: Logistic, design: Float64, label: Float64, ridge: float = RIDGE
) -> Callable[[Float64], Logistic]:
    """Return what takes weights of rows to the model one step from that of all rows, by the curvature of all rows: to first
    order the fit on a resample (Kline and Santos, Journal of Econometric Methods 2012), at the cost of a gradient.

    Parameters
    ----------
    whole : the fit of all rows, each with weight 1.
    """
    if not np.isfinite(whole.constant):
        return lambda _: whole
    rows, penalty = with_constant(design), _penalty(design, ridge)
    beta = np.append(whole.constant, whole.slopes)
    chance = expit(rows @ beta)
    inverse = np.linalg.inv(_curvature(rows, chance, np.ones(len(label)), penalty))
    left = label - chance

    def step(weight: Float64) -> Logistic:
        moved = beta + inverse @ (rows.T @ (weight * left) - penalty * beta)
        return Logistic(float(moved[0]), moved[1:])

    return step


def _penalty(design: Float64, ridge: float) -> Float64:
    penalty = np.full(design.shape[1] + 1, 2 * ridge)
    penalty[0] = 0.0
    return penalty


def _curvature(whole: Float64, chance: Float64, weight: Float64, penalty: Float64) -> Float64:
    scaled = whole * np.sqrt(weight * chance * (1 - chance))[:, None]
    found: Float64 = scaled.T @ scaled
    found[np.diag_indices(len(penalty))] += penalty + 1e-9 * weight.sum()
    return found


def _objective(at: Float64, label: Float64, weight: Float64, beta: Float64, penalty: Float64) -> float:
    return float(weight @ (label * at - np.logaddexp(0, at)) - 0.5 * penalty @ beta**2)
