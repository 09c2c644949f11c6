"""The estimate of what carts do: covariates, cross-fitted nuisances, pseudo-outcomes and their regression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from learners.auxiliary.base import Auxiliary, Estimator
from learners.auxiliary.oracle import TrueEstimates
from learners.cmdcm.everyday import Everyday
from simulator.errors import RunError, ScenarioError
from simulator.evaluation.causal.effects import pseudo_outcomes
from simulator.evaluation.causal.newton import fit_logistic
from simulator.evaluation.causal.nuisances import cross_fitted
from simulator.evaluation.causal.observed import Observed
from simulator.log.schema import Feature, Float64, Int32, Int64
from simulator.pieces import RowQueue
from simulator.prepromotion import PrePromotion
from simulator.samples import Samples
from simulator.units import DAY, format_duration

if TYPE_CHECKING:
    from learners.cmdcm.effect import CartEffect
    from learners.history import History
    from learners.materials import Materials
    from learners.model import Model
    from simulator.learning import Clicks


class Users(Protocol):
    """A log that says whose each click is (`simulator.log.reader.Log`)."""

    def ids(self) -> Iterator[tuple[int, dict[str, Int64]]]:
        """Yield ``user_id`` and ``item_id`` of all clicks, in their order: the first one's row, and the columns."""


RIDGE = 1e-3
"""Of the regression of pseudo-outcomes, times the number of rows."""
TRUTH = {"theta1": "p_delayed_if_cart", "theta0": "p_delayed_if_none"}


@dataclass(frozen=True, slots=True)
class Arms:
    """What is believed of both arms, given covariates: a model of the rate, and a line for what it leaves out."""

    rates: tuple[Rate, Rate]

    def __call__(self, design: Float64) -> dict[str, Float64]:
        """Return ``theta1``, ``theta0`` and ``tau`` of each row of ``design``, shape (n, d)."""
        one, none = (np.clip(rate(design), 0.0, 1.0) for rate in self.rates)
        return {"theta1": one, "theta0": none, "tau": one - none}


@dataclass(frozen=True, slots=True)
class Rate:
    """A logistic model of an arm's rate (absent: 0) plus a line."""

    model: object
    line: Float64

    def __call__(self, design: Float64) -> Float64:
        """Return the rate of each row."""
        base = 0.0 if self.model is None else self.model(design)  # type: ignore[operator]
        whole: Float64 = base + self.line[0] + design @ self.line[1:]
        return whole


def arms(observed: Observed, *, by: str, folds: int, clip: float) -> Arms:
    """Estimate both arms' rates given the covariates.

    Parameters
    ----------
    observed : clicks before a sale: covariates, whether they were carted, whether they paid in the sale, whose they are.
    by : "dr" for doubly robust pseudo-outcomes, "ips" for inverse propensities alone.

    Raises
    ------
    ValueError : some fold leaves an arm without a row.
    """
    known = cross_fitted(observed, folds=folds, clip=clip)
    a, y, e = observed.treatment, observed.outcome, known.propensity
    psi = pseudo_outcomes(observed, known) if by == "dr" else (a * y / e, (1 - a) * y / (1 - e))
    rates = []
    for arm, outcome in zip((1, 0), psi, strict=True):
        own = a == arm
        model = fit_logistic(observed.covariates[own], y[own]) if by == "dr" else None
        base = 0.0 if model is None else model(observed.covariates)
        rates.append(Rate(model, _line(observed.covariates, outcome - base)))
    return Arms((rates[0], rates[1]))


def _line(design: Float64, values: Float64) -> Float64:
    """Regress values on a constant and the covariates; the ridge spares the constant, so that the mean is kept."""
    middle = design.mean(axis=0)
    centred = design - middle
    curvature = centred.T @ centred + RIDGE * len(design) * np.eye(design.shape[1])
    slopes = np.linalg.solve(curvature, centred.T @ (values - values.mean()))
    return np.append(values.mean() - middle @ slopes, slopes)


class Covariates:
    """What is known of a click at its time: what the everyday model says of it, days to the sale, features of few values."""

    def __init__(
        self, model: Model, windows: PrePromotion, features: tuple[Feature, ...], values: int
    ) -> None:
        self._model, self._windows = model, windows
        columns, self._blocks = 0, []
        for feature in features:
            if not feature.tags and feature.cardinality <= values:
                self._blocks.append((columns, feature.cardinality))
            columns += feature.width

    def __call__(self, time: Int64, features: Int32) -> Float64:
        """Return the covariates of clicks, shape (n, d). The first value of a feature has no column."""
        said = self._model.outputs(features)
        days = np.maximum(self._windows.opening(time) - time, 0) / DAY
        shown = [features[:, [column]] == np.arange(1, count) for column, count in self._blocks]
        return np.column_stack([said["cart"], said["direct"], days, *shown]).astype(np.float64)


def fitted(part: CartEffect, materials: Materials) -> Estimator:
    """Return the estimator of an auxiliary."""
    history = materials.history
    covariates = Covariates(
        _everyday(materials), PrePromotion(history.calendar), history.log.features, part.values
    )
    observed = before_sales(history, covariates)
    try:
        return _Estimated(covariates, arms(observed, by=part.by, folds=part.folds, clip=part.clip))
    except ValueError as error:
        span = f"from {format_duration(history.start)} to {format_duration(history.end)}"
        raise RunError(
            f"auxiliary {part.kind!r}: {len(observed)} clicks {span} lie in the pre-promotion window of a sale, "
            f"{int(observed.treatment.sum())} of them with a cart that day, and {error}. Lengthen [stream] history so that it "
            'holds earlier promotions, or take the causal term away: objective = { causal = "none" }, auxiliary = "none"'
        ) from None


def _everyday(materials: Materials) -> Model:
    """Return the everyday model: that which the method starts from, or one of its own where that says nothing of carts."""
    model = materials.start()
    if not {"cart", "direct"} <= set(model.heads):
        model = materials.pretrained(Everyday())
    model.network = model.network.pretraining()  # whatever stands beside it is not asked
    return model


def before_sales(history: History, covariates: Covariates) -> Observed:
    """Return the clicks of the history's pre-promotion windows: their covariates, carts and delayed pays."""
    windows = PrePromotion(history.calendar)
    users = RowQueue("users", cast("Users", history.log).ids())
    parts: list[tuple[Float64, Float64, Float64, Int64]] = []
    for clicks, labels in history.log.labelled(history.windows, history.start, history.end):
        own = np.flatnonzero(windows.inside(clicks.time))
        user = users.take(clicks.row + len(clicks), clicks.row)["user_id"]
        if len(own):
            time = clicks.time[own]
            carted = windows.carted(time, labels.first_cart[own]).astype(np.float64)
            delayed = windows.delayed(time, labels.first_pay[own]).astype(np.float64)
            parts.append((covariates(time, clicks.features[own]), carted, delayed, user[own]))
    if not parts:
        return Observed(np.empty((0, 0)), np.empty(0), np.empty(0), np.empty(0, np.int64))
    design, carted, delayed, user = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Observed(design, carted, delayed, user)


class _Estimated(Estimator):
    def __init__(self, covariates: Covariates, known: Arms) -> None:
        self._covariates, self._arms = covariates, known

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        return self._arms(self._covariates(samples.click_time, samples.features))

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        return self._arms(self._covariates(clicks.time, clicks.features))


def true_effect(part: Auxiliary, materials: Materials) -> Estimator:
    """Return the estimator that reads the truth."""
    history = materials.history
    if missing := sorted(set(TRUTH.values()) - set(history.log.meta.truth)):
        raise ScenarioError(
            f"auxiliary {part.kind!r} needs {', '.join(missing)} of the truth, which the log {history.log.meta.name!r} does "
            "not have; only the log of a generated world whose promotion has revisit = { ... } does"
        )
    return _True(history)


class _True(TrueEstimates):
    def __init__(self, history: History) -> None:
        columns = {name: ((column,), itemgetter(column)) for name, column in TRUTH.items()}
        super().__init__(history, columns, since=history.start)

    def _of(self, row: Int64, time: Int64, now: int) -> dict[str, Float64]:
        found = super()._of(row, time, now)
        return {**found, "tau": found["theta1"] - found["theta0"]}
