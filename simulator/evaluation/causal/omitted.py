"""What an omitted variable could do to a linear estimate: contours of the bias by how much it explains (Cinelli and Hazlett,
JRSS B 2020), and what each covariate explains, for scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.evaluation.causal.least_squares import residual, with_constant
from simulator.evaluation.causal.newton import Logistic, fit_logistic
from simulator.evaluation.causal.observed import Observed
from simulator.log.schema import Float64

GRID = (0.01, 0.05, 0.1, 0.2)
"""Shares of the variance that the omitted variable is let explain."""


@dataclass(frozen=True, slots=True)
class LinearEffect:
    """The treatment's coefficient in the regression of the outcome on treatment and covariates.

    Parameters
    ----------
    value : of the coefficient.
    scale : standard deviation of what is left of the outcome, over that of what is left of the treatment.
    """

    value: float
    scale: float

    def bias(self, of_outcome: float, of_treatment: float) -> float:
        """Return how far off the coefficient is at most, if the omitted variable explains these shares (partial R2) of what is
        left of the outcome, treatment included, and of the treatment.
        """
        return math.sqrt(of_outcome * of_treatment / (1 - of_treatment)) * self.scale

    def contours(self, grid: Sequence[float] = GRID) -> Float64:
        """Return the bias for each share of the outcome (rows) and of the treatment (columns)."""
        return np.array([[self.bias(outcome, treatment) for treatment in grid] for outcome in grid])

    @property
    def robustness(self) -> float:
        """The share that, of both alike, takes the whole coefficient away."""
        f = (self.value / self.scale) ** 2 if self.scale else math.inf
        return 1.0 if math.isinf(f) else 0.5 * (math.sqrt(f * f + 4 * f) - f)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a covariate that can be seen does: one hidden that is as strong would do the same.

    Parameters
    ----------
    strength : 95 % of the rows' odds of treatment move by at most this factor, either way, when it is left out: a Lambda.
    most : the largest such factor of any row.
    of_outcome, of_treatment : its partial R2.
    """

    strength: float
    most: float
    of_outcome: float
    of_treatment: float


def linear_effect(observed: Observed) -> LinearEffect:
    """Fit the regression by least squares."""
    design = with_constant(observed.covariates)
    treatment, outcome = residual(observed.treatment, design), residual(observed.outcome, design)
    value = float(treatment @ outcome / (treatment @ treatment))
    rest = outcome - value * treatment
    return LinearEffect(value, math.sqrt(float(rest @ rest) / float(treatment @ treatment)))


def benchmarks(observed: Observed) -> dict[str, Benchmark]:
    """Leave each covariate of ``groups`` out in turn; the strongest first."""
    whole = fit_logistic(observed.covariates, observed.treatment)
    logit = observed.covariates @ whole.slopes + whole.constant
    columns = with_constant(observed.covariates, observed.treatment, observed.outcome)
    products = columns.T @ columns / len(observed)
    last = columns.shape[1] - 1
    design = list(range(last - 1))
    left_treatment = _left(products, last - 1, design)
    left_outcome = _left(products, last, [*design, last - 1])
    found = {}
    for name, left_out in observed.groups.items():
        fewer = observed.without(name)
        start = Logistic(whole.constant, np.delete(whole.slopes, left_out))
        model = fit_logistic(fewer.covariates, fewer.treatment, start=start)
        moved = np.exp(np.abs(logit - model.constant - fewer.covariates @ model.slopes))
        kept = [column for column in design if column - 1 not in left_out]
        found[name] = Benchmark(
            float(np.quantile(moved, 0.95)),
            float(moved.max()),
            _share(left_outcome, _left(products, last, [*kept, last - 1])),
            _share(left_treatment, _left(products, last - 1, kept)),
        )
    return dict(sorted(found.items(), key=lambda item: (-item[1].strength, item[0])))


def _left(products: Float64, column: int, design: list[int]) -> float:
    """Return the variance that a regression on some columns leaves of another, from the products of all."""
    beta, *_ = np.linalg.lstsq(products[np.ix_(design, design)], products[design, column], rcond=None)
    return float(products[column, column] - products[column, design] @ beta)


def _share(left: float, left_without: float) -> float:
    return max(0.0, 1 - left / left_without) if left_without > 0 else 0.0
