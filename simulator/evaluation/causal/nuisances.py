"""What estimators need to know of x: the chance of treatment and the outcome to expect in each arm, cross-fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulator.evaluation.causal.newton import fit_logistic
from simulator.evaluation.causal.observed import Observed
from simulator.log.schema import Bool, Float64, Int64
from simulator.randomness import draws

Predict = Callable[[Float64], Float64]
"""From covariates, shape (n, d), to chances, shape (n,)."""
Fit = Callable[[Float64, Float64], Predict]
"""From covariates and labels (0 or 1) to what predicts others: any model may stand here."""
FOLDS = 5
CLIP = 0.02


@dataclass(frozen=True, slots=True)
class Nuisances:
    """All of shape (n,), each row's by models that have not seen its user.

    Parameters
    ----------
    propensity : e = P(a = 1 | x), clipped.
    treated, untreated : mu1 = E[y | x, a = 1], mu0 = E[y | x, a = 0].
    clipped : how many propensities were moved by the clip.
    """

    propensity: Float64
    treated: Float64
    untreated: Float64
    clipped: int = 0

    @property
    def odds(self) -> Float64:
        """The odds of being treated."""
        return self.propensity / (1 - self.propensity)


def folds_of(user: Int64, folds: int = FOLDS) -> Int64:
    """Return the fold of each row, by its user alone, whichever other rows there are."""
    fold: Int64 = np.floor(draws(user, "folds") * folds).astype(np.int64)
    return fold


def cross_fitted(
    observed: Observed,
    *,
    propensity: Fit = fit_logistic,
    outcome: Fit = fit_logistic,
    folds: int = FOLDS,
    clip: float = CLIP,
) -> Nuisances:
    """Fit the nuisances on the users of the other folds and predict those of each.

    Parameters
    ----------
    propensity, outcome : fit P(a = 1 | x), and E[y | x] within one arm.
    folds : K.
    clip : propensities stay in [clip, 1 - clip].

    Raises
    ------
    ValueError : some fold leaves an arm without a row.
    """
    n, fold = len(observed), folds_of(observed.user, folds)
    found = {name: np.empty(n) for name in ("propensity", "treated", "untreated")}
    for k in range(folds):
        inside, outside = fold == k, fold != k
        if not inside.any():
            continue
        models = {"propensity": _fit(propensity, observed, outside, observed.treatment)}
        for name, arm in (("treated", 1), ("untreated", 0)):
            models[name] = _fit(outcome, observed, outside & (observed.treatment == arm), observed.outcome)
        for name, model in models.items():
            found[name][inside] = model(observed.covariates[inside])
    raw = found["propensity"]
    e = np.clip(raw, clip, 1 - clip)
    return Nuisances(e, found["treated"], found["untreated"], int((raw != e).sum()))


def _fit(fit: Fit, observed: Observed, rows: Bool, label: Float64) -> Predict:
    if not rows.any():
        raise ValueError("cross-fitting needs rows of both arms outside every fold; there are too few")
    return fit(observed.covariates[rows], label[rows])
