"""The tasks: which clicks each is judged on, which final label, which truth, which metrics. One entry here a task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from simulator.evaluation import metrics
from simulator.log.schema import Bool, Float64, Labels

RELATIVE = {"auc": "ri_auc", "prauc": "ri_prauc"}
"""Metrics that have a relative improvement: 0 is the pre-trained model, 100 the oracle."""
LOWER_IS_BETTER = frozenset({"nll", "regret_nll", "alpr", "log_mae", "regret_gamma"})

Truth = Mapping[str, Float64]
"""The true columns of a synthetic world: p_pay, p_refund given a pay, expected_gmv per click."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Final labels of the clicks a task is judged on (``kept``), and its true expectation if known."""

    kept: Bool
    label: Float64
    truth: Float64 | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """What one method reached on one task in one cell; the sums let cells be pooled."""

    rows: int
    positives: int
    sum_prediction: float
    sum_label: float
    values: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is predicted, and how it is judged and shown.

    Parameters
    ----------
    title : heading of its tables.
    kept : the clicks it is judged on; ``of`` says what these are.
    label : the final label of every click.
    truth : the true expectation of the label on every click, None where the world does not say it.
    measure : metrics of predictions against the outcome of the same (kept) clicks; ``measured`` names them.
    primary : the metric that ranks methods and whose differences are tested: it sees calibration as well as order.
    regret : the metric that needs the truth.
    headline : the metric that leads the tables where the truth is known (elsewhere the primary one does).
    further : metrics that tables show beside headline, AUC and PCOC where there is room.
    binary : whether the label is 0 or 1.
    """

    title: str
    of: str
    kept: Callable[[Labels], Bool]
    label: Callable[[Labels], Float64]
    truth: Callable[[Truth], Float64 | None]
    measure: Callable[[Float64, Outcome], dict[str, float]]
    measured: tuple[str, ...]
    primary: str
    regret: str
    headline: str
    further: tuple[str, ...]
    binary: bool

    @property
    def compared(self) -> tuple[str, ...]:
        """Metrics for which differences get an interval."""
        return (self.primary, "auc", "pcoc")


def _every(labels: Labels) -> Bool:
    return np.ones(len(labels), np.bool_)


def _converted(labels: Labels) -> Bool:
    return labels.converted


def _pay_that_stays(labels: Labels) -> Float64:
    return (labels.converted & ~labels.refunded).astype(np.float64)


def _net_truth(truth: Truth) -> Float64 | None:
    known = {"p_pay", "p_refund"} <= truth.keys()
    return truth["p_pay"] * (1.0 - truth["p_refund"]) if known else None


def _gmv_truth(truth: Truth) -> Float64 | None:
    """``expected_gmv`` is per click: given a pay it is over p_pay."""
    known = {"p_pay", "expected_gmv"} <= truth.keys()
    return truth["expected_gmv"] / np.maximum(truth["p_pay"], metrics.TINY) if known else None


def _probability(served: Float64, judged: Outcome) -> dict[str, float]:
    label = judged.label
    auc, prauc = metrics.ranking(served, label)
    nll = metrics.nll(served, label)
    regret = math.nan if judged.truth is None else nll - metrics.nll(judged.truth, label)
    return {"auc": auc, "prauc": prauc, "nll": nll, "regret_nll": regret, "pcoc": metrics.pcoc(served, label)}


def _amount(served: Float64, judged: Outcome) -> dict[str, float]:
    label, truth = judged.label, judged.truth
    return {
        "auc": metrics.concordance(served, label),
        "acc": metrics.acc(served, label),
        "alpr": metrics.alpr(served, label),
        "log_mae": metrics.log_mae(served, label),
        "regret_gamma": math.nan if truth is None else metrics.regret_gamma(served, label, truth),
        "pcoc": metrics.pcoc(served, label),
    }


def _binary(
    title: str,
    of: str,
    kept: Callable[[Labels], Bool],
    label: Callable[[Labels], Float64],
    truth: Callable[[Truth], Float64 | None],
) -> Task:
    """Return a task whose label is 0 or 1, judged as a probability."""
    return Task(
        title=title,
        of=of,
        kept=kept,
        label=label,
        truth=truth,
        measure=_probability,
        measured=("auc", "prauc", "nll", "regret_nll", "pcoc"),
        primary="nll",
        regret="regret_nll",
        headline="regret_nll",
        further=("nll", "prauc"),
        binary=True,
    )


TASKS: dict[str, Task] = {
    "cvr": _binary(
        "CVR: conversion after the click",
        "clicks",
        _every,
        lambda labels: labels.converted.astype(np.float64),
        lambda truth: truth.get("p_pay"),
    ),
    "netcvr": _binary(
        "NetCVR: conversion that is not refunded", "clicks", _every, _pay_that_stays, _net_truth
    ),
    "rfr": _binary(
        "RFR: refund after the conversion",
        "conversions",
        _converted,
        lambda labels: labels.refunded.astype(np.float64),
        lambda truth: truth.get("p_refund"),
    ),
    "gmv": Task(
        title="GMV: amount paid, given a conversion",
        of="conversions",
        kept=_converted,
        label=lambda labels: labels.gmv,
        truth=_gmv_truth,
        measure=_amount,
        measured=("auc", "acc", "alpr", "log_mae", "regret_gamma", "pcoc"),
        primary="alpr",
        regret="regret_gamma",
        headline="alpr",
        further=("acc",),
        binary=False,
    ),
}
"""Every task by name, in the order in which results show them. The names are those of a learner's predictions."""


def outcome(task: str, labels: Labels, truth: Truth | None) -> Outcome:
    """Return what a task is judged on: the kept clicks, with their labels and (if known) true expectations."""
    judged = TASKS[task]
    kept = judged.kept(labels)
    known = judged.truth(truth) if truth else None
    return Outcome(kept, judged.label(labels)[kept], None if known is None else known[kept])


def measure(task: str, predictions: Float64, judged: Outcome) -> Statistics:
    """Measure one method's predictions of all clicks of a cell."""
    served = predictions[judged.kept]
    return Statistics(
        rows=len(served),
        positives=int(np.count_nonzero(judged.label > 0)),
        sum_prediction=float(served.sum()),
        sum_label=float(judged.label.sum()),
        values=TASKS[task].measure(served, judged),
    )
