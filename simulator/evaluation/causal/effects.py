"""Estimators of a treatment's effect that hold if x is all that treatment and outcome have in common (ignorability)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulator.evaluation.causal.nuisances import Nuisances
from simulator.evaluation.causal.observed import Observed
from simulator.log.schema import Float64, Int64

ESTIMANDS = ("ate", "att", "treated", "untreated")
"""E[Y(1) - Y(0)], the same among the treated, E[Y(1)] and E[Y(0)]."""
ESTIMATORS = ("difference", "outcome regression", "ips", "doubly robust")
"""Of the arms as they are; by mu1 and mu0 alone; by self-normalised inverse propensities alone; by both."""

Statistic = Callable[[Float64], Float64]
"""From the weights of rows, shape (n,), to estimates, shape (k,)."""


@dataclass(frozen=True, slots=True)
class Means:
    """A statistic of weighted means: sums of ``over`` by sums of ``under``, both of shape (k, n)."""

    over: Float64
    under: Float64

    def __call__(self, weight: Float64) -> Float64:
        """Return the means of rows that count so often, shape (k,)."""
        found: Float64 = (self.over @ weight) / (self.under @ weight)
        return found

    def summed(self, group: Int64) -> Means:
        """Return the same statistic of groups of rows: its weights are those of groups."""
        return Means(
            *(np.array([np.bincount(group, row) for row in part]) for part in (self.over, self.under))
        )


def pseudo_outcomes(observed: Observed, known: Nuisances) -> tuple[Float64, Float64]:
    """Return the doubly robust psi1 and psi0 of each row: their means given x are E[Y(1) | x] and E[Y(0) | x] if e is right or
    the outcome's models are (Robins, Rotnitzky and Zhao, JASA 1994).
    """
    a, y, e = observed.treatment, observed.outcome, known.propensity
    treated: Float64 = known.treated + a * (y - known.treated) / e
    untreated: Float64 = known.untreated + (1 - a) * (y - known.untreated) / (1 - e)
    return treated, untreated


def effects(observed: Observed, known: Nuisances) -> Statistic:
    """Return what takes weights of rows to all estimates: row by row of `ESTIMATORS`, in each the `ESTIMANDS`, shape (16,).

    Nuisances stay as they are whatever the weights: to first order the doubly robust estimates do not feel that they are
    estimated; the outcome regression does, and inverse propensities are taken for less sure than they are.
    """
    a, y, mu1, mu0 = observed.treatment, observed.outcome, known.treated, known.untreated
    psi1, psi0 = pseudo_outcomes(observed, known)
    of_treated = a * (y - mu0) - (1 - a) * known.odds * (y - mu0)

    def statistic(weight: Float64) -> Float64:
        def mean(values: Float64, over: Float64 | float = 1.0) -> float:
            share = weight * over
            return float(share @ values / share.sum())

        plain = mean(y, a), mean(y, 1 - a)
        regression = mean(mu1), mean(mu0)
        inverse = mean(y, a / known.propensity), mean(y, (1 - a) / (1 - known.propensity))
        robust = mean(psi1), mean(psi0)
        among_treated = (
            plain[0] - plain[1],
            mean(mu1 - mu0, a),
            plain[0] - mean(y, (1 - a) * known.odds),
            float(weight @ of_treated / (weight @ a)),
        )
        rows = zip((plain, regression, inverse, robust), among_treated, strict=True)
        return np.array([value for (one, none), att in rows for value in (one - none, att, one, none)])

    return statistic


def manski(observed: Observed) -> Statistic:
    """Return what takes weights of rows to the bounds that assume nothing: low and high of E[Y(1)], E[Y(0)] and the ATE.

    Who was not treated could have had either outcome (Manski, AER 1990).
    """
    a, y = observed.treatment, observed.outcome

    def statistic(weight: Float64) -> Float64:
        total = weight.sum()
        one, none, share = (weight @ part / total for part in (a * y, (1 - a) * y, a))
        bounds = np.array([one, one + 1 - share, none, none + share])
        return np.append(bounds, [bounds[0] - bounds[3], bounds[1] - bounds[2]])

    return statistic
