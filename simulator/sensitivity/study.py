"""All that is estimated of a question, as plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from simulator.evaluation.causal.effects import (
    ESTIMANDS,
    ESTIMATORS,
    Means,
    Statistic,
    effects,
    manski,
    pseudo_outcomes,
)
from simulator.evaluation.causal.instruments import first_stage, two_stage, wald
from simulator.evaluation.causal.marginal import least_strength, row_bounds, sample_bounds, true_strength
from simulator.evaluation.causal.newton import fit_logistic
from simulator.evaluation.causal.nuisances import Nuisances, cross_fitted
from simulator.evaluation.causal.observed import Observed
from simulator.evaluation.causal.omitted import GRID, benchmarks, linear_effect
from simulator.evaluation.causal.overlap import overlap
from simulator.evaluation.causal.resampling import RESAMPLES, over_users
from simulator.log.schema import Bool, Float64
from simulator.randomness import generator
from simulator.sensitivity.question import FEWEST, Question

STRENGTHS = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0)
ATE, ATT = 0, 1


@dataclass(frozen=True, slots=True)
class Precision:
    """How intervals are made: resamples of whole users, confidence, seed."""

    resamples: int = RESAMPLES
    confidence: float = 0.95
    seed: int = 0


def study(question: Question, precision: Precision) -> dict[str, Any]:
    """Estimate everything that can be said of a question.

    Estimates are ``{value, low, high}``, bounds ``{low, high, outer_low, outer_high}`` with the outer ends of their intervals.
    """
    observed = question.observed
    known = cross_fitted(observed)
    resample = _Resampling(precision, question.name)
    linear = linear_effect(observed)
    rows = resample.bounds(row_bounds(observed, known, STRENGTHS), observed, "rows")
    return {
        "rows": len(observed),
        "users": len(np.unique(observed.user)),
        "treated": float(observed.treatment.mean()),
        "outcome": float(observed.outcome.mean()),
        "effects": _effects(resample, observed, known),
        "parts": _parts(resample, question, known),
        "manski": dict(
            zip(
                ("treated", "untreated", "ate"),
                manski(observed)(_ones(observed)).reshape(3, 2).tolist(),
                strict=True,
            )
        ),
        "strengths": list(STRENGTHS),
        "row_bounds": rows,
        "sample_bounds": resample.bounds(sample_bounds(observed, STRENGTHS), observed, "sample"),
        "crossings": _crossings(resample, observed, known),
        "overlap": {
            "treated": asdict((arms := overlap(observed, known))[0]),
            "untreated": asdict(arms[1]),
            "clipped": known.clipped / len(observed),
        },
        "benchmarks": {name: asdict(found) for name, found in benchmarks(observed).items()},
        "omitted": {
            "value": linear.value,
            "robustness": linear.robustness,
            "grid": list(GRID),
            "bias": linear.contours().tolist(),
        },
        "instrument": _instrument(resample, question),
        "controls": {said: _control(resample, control) for said, control in question.controls.items()},
        "randomised": _randomised(question),
        "truth": _truth(question, known),
    }


class _Resampling:
    """Resamples of one question; each use has a stream of draws of its own."""

    def __init__(self, precision: Precision, name: str) -> None:
        self.precision, self._name = precision, name

    def interval(
        self, statistic: Statistic, observed: Observed, use: str
    ) -> tuple[Float64, Float64, Float64]:
        """Return estimates and the ends of their intervals."""
        found = over_users(statistic, observed.user, self._random(use), self.precision.resamples)
        return found.value, *found.interval(self.precision.confidence)

    def estimate(self, statistic: Statistic, observed: Observed, use: str) -> list[dict[str, float]]:
        """Return them as plain values."""
        columns = zip(*self.interval(statistic, observed, use), strict=True)
        return [{"value": float(v), "low": float(low), "high": float(high)} for v, low, high in columns]

    def bounds(self, statistic: Statistic, observed: Observed, use: str) -> dict[str, list[dict[str, float]]]:
        """Return bounds by estimand, in each one a Lambda."""
        shaped = [part.reshape(-1, len(ESTIMANDS), 2) for part in self.interval(statistic, observed, use)]
        value, low, high = shaped
        return {
            name: [
                {
                    "low": float(value[k, i, 0]),
                    "high": float(value[k, i, 1]),
                    "outer_low": float(low[k, i, 0]),
                    "outer_high": float(high[k, i, 1]),
                }
                for k in range(len(value))
            ]
            for i, name in enumerate(ESTIMANDS)
        }

    def _random(self, use: str) -> np.random.Generator:
        return generator(self.precision.seed, "sensitivity", self._name, use)


def _ones(observed: Observed) -> Float64:
    return np.ones(len(observed))


def _effects(resample: _Resampling, observed: Observed, known: Nuisances) -> dict[str, Any]:
    found = resample.estimate(effects(observed, known), observed, "effects")
    size = len(ESTIMANDS)
    return {
        name: dict(zip(ESTIMANDS, found[k * size : (k + 1) * size], strict=True))
        for k, name in enumerate(ESTIMATORS)
    }


def _robust(observed: Observed, known: Nuisances) -> Statistic:
    """Return the doubly robust effect on all and on the treated."""
    statistic, at = effects(observed, known), len(ESTIMATORS[:-1]) * len(ESTIMANDS)
    return lambda weight: statistic(weight)[[at + ATE, at + ATT]]


def _parts(resample: _Resampling, question: Question, known: Nuisances) -> dict[str, dict[str, float]]:
    """Return the doubly robust effect in each part."""
    psi1, psi0 = pseudo_outcomes(question.observed, known)
    inside = [rows.astype(np.float64) for rows in question.parts.values() if rows.any()]
    if not inside:
        return {}

    def statistic(weight: Float64) -> Float64:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.array([(weight * part) @ (psi1 - psi0) / (weight @ part) for part in inside])

    named = [name for name, rows in question.parts.items() if rows.any()]
    return dict(zip(named, resample.estimate(statistic, question.observed, "parts"), strict=True))


def _crossings(resample: _Resampling, observed: Observed, known: Nuisances) -> dict[str, float]:
    """Return Lambda* of the sharp bounds: where they, and where their intervals, first hold no effect."""
    ones = _ones(observed)

    def bound(k: int) -> Callable[[float], tuple[float, float]]:
        def of(strength: float) -> tuple[float, float]:
            low, high = row_bounds(observed, known, [strength])(ones)[2 * k : 2 * k + 2]
            return float(low), float(high)

        return of

    def outer(k: int) -> Callable[[float], tuple[float, float]]:
        def of(strength: float) -> tuple[float, float]:
            all_of = row_bounds(observed, known, [strength])
            two = Means(all_of.over[2 * k : 2 * k + 2], all_of.under[2 * k : 2 * k + 2])
            _, low, high = resample.interval(two, observed, "crossing")
            return float(low[0]), float(high[1])

        return of

    return {
        f"{name}{said}": least_strength(kind(k))
        for k, name in ((ATE, "ate"), (ATT, "att"))
        for said, kind in (("", bound), ("_outer", outer))
    }


def _instrument(resample: _Resampling, question: Question) -> dict[str, Any] | None:
    instrument, observed = question.instrument, question.observed
    if instrument is None:
        return None
    found: dict[str, Any] = {
        "name": instrument.name,
        "known": instrument.known,
        "first_stage": first_stage(observed, instrument.values),
        "two_stage": resample.estimate(two_stage(observed, instrument.values), observed, "two stages")[0],
    }
    if instrument.coin:
        statistic = wald(observed, instrument.values[:, 0])
        found["wald"] = resample.estimate(statistic, observed, "wald")[0]
    return found


def _control(resample: _Resampling, control: Observed) -> dict[str, float] | None:
    """Return the doubly robust effect, which must be 0; None where there are too few rows."""
    treated, outcomes = control.treatment.sum(), control.outcome.sum()
    if min(treated, len(control) - treated, outcomes) < FEWEST:
        return None
    return resample.estimate(_robust(control, cross_fitted(control)), control, "control")[ATE]


def _randomised(question: Question) -> dict[str, float] | None:
    """Return E[Y(1)] by rows that a coin treated, with its normal interval of 95 %."""
    if question.randomised is None:
        return None
    value, error = question.randomised
    return {"value": value, "low": value - 1.96 * error, "high": value + 1.96 * error}


def _truth(question: Question, known: Nuisances) -> dict[str, Any] | None:
    """Return what a world says: the effects, and how strong its confounding is, given the covariates that are used here.

    ``needed`` is the least Lambda whose average bounds hold the true effect, ``rows`` the median and 95 % of the rows' own.
    """
    if question.potential is None:
        return None
    observed, (one, none) = question.observed, question.potential
    treated = observed.treatment == 1
    gain = one - none
    values = {
        "ate": float(gain.mean()),
        "att": float(gain[treated].mean()),
        "treated": float(one.mean()),
        "untreated": float(none.mean()),
    }
    ones = _ones(observed)

    def bound(strength: float) -> tuple[float, float]:
        low, high = row_bounds(observed, known, [strength])(ones)[:2]
        return float(low), float(high)

    own = np.maximum(_strength(observed, one, treated), _strength(observed, none, ~treated))
    return {
        "effects": values,
        "needed": least_strength(bound, values["ate"]),
        "rows": np.quantile(own, (0.5, 0.95)).tolist(),
    }


def _strength(observed: Observed, chance: Float64, shown: Bool) -> Float64:
    """Return Lambda_V of each row for one potential outcome, of which one arm is ``shown``."""
    if not chance.any():
        return np.ones(len(observed))
    arms = [
        fit_logistic(observed.covariates[arm], chance[arm])(observed.covariates) for arm in (shown, ~shown)
    ]
    return true_strength(*arms)
