"""Logistic regression by Newton's method, in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Float64
from simulator.logistic import expit, logit

RIDGE = 1e-3
"""Half the prior precision of each coefficient but the constant: next to nothing where there are data, finite where a column
tells the outcomes apart entirely."""
_STEPS = 40
_SMALL = 1e-9


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
    steps: int = _STEPS,
) -> Logistic:
    """Fit by Newton's method on the weighted likelihood, halving steps that do not raise it.

    Where all labels are equal the model is that constant, 0 or 1.

    Parameters
    ----------
    design, label : x, shape (n, d), and 0 or 1, shape (n,).
    weight : of each row; as often as it counts in a resample. None: 1.
    ridge : times the squared slopes, taken off the likelihood.
    start : coefficients to begin at; ``steps = 1`` from the fit of all rows is the one-step bootstrap.

    Raises
    ------
    ValueError : no row has weight.
    """
    weight = np.ones(len(label)) if weight is None else weight
    total = float(weight.sum())
    if not total > 0:
        raise ValueError("a logistic regression needs at least one row")
    rate = float(weight @ label) / total
    slopes = design.shape[1]
    if rate in {0.0, 1.0}:
        return Logistic(float(logit(np.array([rate]))[0]), np.zeros(slopes))
    whole = np.column_stack([np.ones(len(label)), design])
    penalty = np.full(slopes + 1, 2 * ridge)
    penalty[0] = 0.0
    usable = start is not None and np.isfinite(start.constant)
    beta = np.append(start.constant, start.slopes) if usable and start else np.zeros(slopes + 1)
    if not usable:
        beta[0] = np.log(rate / (1 - rate))
    value = _objective(whole @ beta, label, weight, beta, penalty)
    for _ in range(steps):
        chance = expit(whole @ beta)
        slope = whole.T @ (weight * (label - chance)) - penalty * beta
        curvature = (whole * (weight * chance * (1 - chance))[:, None]).T @ whole
        curvature[np.diag_indices(slopes + 1)] += penalty + 1e-9 * total
        step = np.linalg.solve(curvature, slope)
        for _ in range(20):
            found = _objective(whole @ (beta + step), label, weight, beta + step, penalty)
            if found >= value:
                break
            step = step / 2
        else:
            break
        beta, gain, value = beta + step, found - value, found
        if gain < _SMALL * total:
            break
    return Logistic(float(beta[0]), beta[1:])


def _objective(at: Float64, label: Float64, weight: Float64, beta: Float64, penalty: Float64) -> float:
    return float(weight @ (label * at - np.logaddexp(0, at)) - 0.5 * penalty @ beta**2)
