"""How far hidden confounding could move an effect: the marginal sensitivity model.

The model (Tan, JASA 2006) lets the odds of treatment, the potential outcome known, differ from those given what can be seen
by a factor of at most Lambda, either way. For an outcome that is 0 or 1 its sharp bounds are closed row by row. A click is a
treatment too: its potential outcome is V(1), whether an impression would pay had it been clicked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from simulator.evaluation.causal.effects import Means, Statistic
from simulator.evaluation.causal.newton import Logistic, fit_logistic, one_step
from simulator.evaluation.causal.nuisances import CLIP, Nuisances
from simulator.evaluation.causal.observed import Observed
from simulator.log.schema import Float64

INTERVALS = ("ate", "att", "treated", "untreated")
"""Of what bounds are given, each as low and high: the estimands of `simulator.evaluation.causal.effects`."""
MOST = 1000.0
"""Beyond this no Lambda is looked for."""


def other_arm_bounds(own: Float64, strength: float | Float64) -> tuple[Float64, Float64]:
    """Return the least and the largest chance of a potential outcome in the arm that does not show it.

    Parameters
    ----------
    own : q1 = P(Y(1) = 1 | x, a = 1), shape (n,); of Y(0) the chance among the untreated.
    strength : Lambda, 1 or more: 1 is no confounding; one for all rows, or one a row.
    """
    strength = np.asarray(strength, np.float64)
    if not (strength >= 1).all():
        raise ValueError(f"Lambda is {strength.min():g}; allowed: 1 (no confounding) or more")
    least: Float64 = np.maximum(own / strength, 1 - strength * (1 - own))
    largest: Float64 = np.minimum(strength * own, 1 - (1 - own) / strength)
    return least, largest


def bounds(own: Float64, chance: Float64, strength: float | Float64) -> tuple[Float64, Float64]:
    """Return the least and the largest P(Y(1) = 1 | x); with clicks as treatment, the estimand of entire-space methods.

    Parameters
    ----------
    own : q1, shape (n,).
    chance : e = P(a = 1 | x), shape (n,).
    strength : Lambda.
    """
    least, largest = other_arm_bounds(own, strength)
    return chance * own + (1 - chance) * least, chance * own + (1 - chance) * largest


def true_strength(own: Float64, other: Float64) -> Float64:
    """Return Lambda_V, the smallest Lambda whose bounds hold the truth: one of the two bounds is then the truth.

    The odds of treatment given Y(1) = y, over the odds given x alone, are P(y | x, a = 1) / P(y | x, a = 0).

    Parameters
    ----------
    own, other : q1 and q0, above 0 and below 1; shape (n,).
    """
    paying, silent = np.log(own / other), np.log((1 - own) / (1 - other))
    strength: Float64 = np.exp(np.maximum(np.abs(paying), np.abs(silent)))
    return strength


def row_bounds(observed: Observed, known: Nuisances, strengths: Sequence[float]) -> Means:
    """Return what takes weights of rows to the averages of the row-level bounds: for each Lambda, low and high of `INTERVALS`.

    The arm that is seen enters with its outcomes, the other one with its bound and the first-order correction for mu being
    estimated: at Lambda = 1 these are the doubly robust estimates, and above they stay valid bounds if e is right or mu is
    (Dorn, Guo and Kallus, JASA 2025). Shape (8 * Lambdas,).
    """
    a, y = observed.treatment, observed.outcome
    parts: list[tuple[Float64, Float64]] = []
    for strength in strengths:
        unseen_one = _unseen(y, a, known.treated, 1 / known.odds, strength)
        unseen_none = _unseen(y, 1 - a, known.untreated, known.odds, strength)
        one = [a * y + part for part in unseen_one]
        none = [(1 - a) * y + part for part in unseen_none]
        everybody = np.ones(len(a))
        parts += [
            (one[0] - none[1], everybody),
            (one[1] - none[0], everybody),
            (a * y - unseen_none[1], a),
            (a * y - unseen_none[0], a),
            (one[0], everybody),
            (one[1], everybody),
            (none[0], everybody),
            (none[1], everybody),
        ]
    return Means(np.array([up for up, _ in parts]), np.array([down for _, down in parts]))


def _unseen(
    outcome: Float64, here: Float64, own: Float64, odds: Float64, strength: float
) -> tuple[Float64, Float64]:
    """Return the scores of the bounds in the arm that does not show a potential outcome.

    ``here`` is 1 in the arm that shows it, ``own`` its chance there, ``odds`` those of the other arm.
    """
    least, largest = other_arm_bounds(own, strength)
    flat = own / strength >= 1 - strength * (1 - own)
    steep = strength * own <= 1 - (1 - own) / strength
    slopes = np.where(flat, 1 / strength, strength), np.where(steep, strength, 1 / strength)
    error = here * odds * (outcome - own)
    low, high = (
        (1 - here) * bound + slope * error for bound, slope in zip((least, largest), slopes, strict=True)
    )
    return low, high


def sample_bounds(observed: Observed, strengths: Sequence[float], clip: float = CLIP) -> Statistic:
    """Return what takes weights of rows to the sample version of the bounds, without any model of the outcome: for each Lambda,
    low and high of `INTERVALS`.

    Inverse propensities may be wrong by Lambda: the extreme self-normalised means give the highest allowed weight to one
    outcome and the lowest to the other. The percentile bootstrap of them is valid (Zhao, Small and Bhattacharya, JRSS B
    2019); each resample fits the propensities again, one step from those of all rows.
    """
    whole = fit_logistic(observed.covariates, observed.treatment)
    fitted = one_step(whole, observed.covariates, observed.treatment)

    def statistic(weight: Float64) -> Float64:
        model = fitted(weight)
        return np.concatenate(
            [_sample(observed, weight, _clipped(model, observed, clip), s) for s in strengths]
        )

    return statistic


def _clipped(model: Logistic, observed: Observed, clip: float) -> Float64:
    found: Float64 = np.clip(model(observed.covariates), clip, 1 - clip)
    return found


def _sample(observed: Observed, weight: Float64, e: Float64, strength: float) -> Float64:
    a, y = observed.treatment, observed.outcome
    odds = (1 - e) / e
    one = _extremes(weight * a, y, odds, strength, beside=1.0)
    none = _extremes(weight * (1 - a), y, 1 / odds, strength, beside=1.0)
    missing = _extremes(weight * (1 - a), y, 1 / odds, strength, beside=0.0)
    seen = float(weight @ (a * y) / (weight @ a))
    return np.array([one[0] - none[1], one[1] - none[0], seen - missing[1], seen - missing[0], *one, *none])


def _extremes(
    weight: Float64, outcome: Float64, odds: Float64, strength: float, *, beside: float
) -> tuple[float, float]:
    """Return the least and the largest self-normalised mean with weights ``beside + odds * [1 / Lambda, Lambda]``."""
    low, high = (weight * (beside + odds * by) for by in (1 / strength, strength))
    yes = float(low @ outcome), float(high @ outcome)
    no = float(low @ (1 - outcome)), float(high @ (1 - outcome))
    return yes[0] / (yes[0] + no[1]), yes[1] / (yes[1] + no[0])


def least_strength(
    interval: Callable[[float], tuple[float, float]], value: float = 0.0, most: float = MOST
) -> float:
    """Return Lambda*, the smallest Lambda whose interval holds a value (no effect, or the truth); 1 if the narrowest one does,
    infinity if none up to ``most`` does.

    Parameters
    ----------
    interval : from Lambda to low and high, which only move apart as it grows.
    """

    def holds(strength: float) -> bool:
        low, high = interval(strength)
        return low <= value <= high

    if holds(1.0):
        return 1.0
    if not holds(most):
        return float("inf")
    near, far = 0.0, float(np.log(most))
    while far - near > 1e-4:
        middle = (near + far) / 2
        near, far = (near, middle) if holds(float(np.exp(middle))) else (middle, far)
    return float(np.exp(far))
