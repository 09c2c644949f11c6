"""The tasks: which clicks each is judged on, which final label, which truth, which metrics. One entry here a task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from simulator.evaluation import metrics
from simulator.log.schema import Bool, Float64, Int64, Labels
from simulator.ranking import ranking
from simulator.units import DAY

RELATIVE = {"auc": "ri_auc", "prauc": "ri_prauc"}
"""Metrics that have a relative improvement: 0 is the pre-trained model, 100 the oracle."""
LOWER_IS_BETTER = frozenset(
    {"nll", "regret_nll", "alpr", "log_mae", "gamma", "regret_gamma", "rmse", "decile_error"}
)
BY_SEGMENT = frozenset({"auc", "prauc"})
"""Metrics that are shown as the mean of the segments' own, weighted by rows: ranking is inside a segment, as papers on
streams report it. Every other one is over all rows."""
LATE = DAY
"""A first pay later than this after the click counts as late in what is told apart by maturity."""

Truth = Mapping[str, Float64]
"""The true columns of a synthetic world: p_pay, p_refund given a pay, expected_gmv per click."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Final labels of the clicks a task is judged on (``kept``), and its true expectation if known."""

    kept: Bool
    label: Float64
    truth: Float64 | None
    again: Bool | None = None
    """Which clicks paid more than once (None: not known)."""
    late: Bool | None = None
    """Which clicks paid first later than a day after the click (None: not known)."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What one method reached on one task in one cell; the sums let cells be pooled."""

    rows: int
    positives: int
    sum_prediction: float
    sum_label: float
    values: dict[str, float]
    over: Mapping[str, int] = field(default_factory=dict)
    """How many rows a metric is over, where these are not all."""

    def rows_of(self, metric: str) -> int:
        """Return how many rows a metric is over."""
        return self.over.get(metric, self.rows)


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
    some : by metric, which of the kept clicks it is over; the others are over all.
    scaled : whether methods compete on it, from a frozen model (0) to an oracle (100); not on a by-product.
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
    scaled: bool = True
    some: Callable[[Outcome], dict[str, Bool]] = lambda _: {}

    @property
    def short(self) -> str:
        """What the task is called in a sentence."""
        return self.title.partition(":")[0]

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


def _stays(labels: Labels) -> Float64:
    return np.maximum(labels.gmv - labels.refund_amount, 0.0)


def _net_truth(truth: Truth) -> Float64 | None:
    known = {"p_pay", "p_refund"} <= truth.keys()
    return truth["p_pay"] * (1.0 - truth["p_refund"]) if known else None


def _gmv_truth(truth: Truth) -> Float64 | None:
    """``expected_gmv`` is per click: given a pay it is over p_pay."""
    known = {"p_pay", "expected_gmv"} <= truth.keys()
    return truth["expected_gmv"] / np.maximum(truth["p_pay"], metrics.TINY) if known else None


def _probability(served: Float64, judged: Outcome) -> dict[str, float]:
    label = judged.label
    auc, prauc = ranking(served, label)
    nll = metrics.nll(served, label)
    regret = math.nan if judged.truth is None else nll - metrics.nll(judged.truth, label)
    return {"auc": auc, "prauc": prauc, "nll": nll, "regret_nll": regret, "pcoc": metrics.pcoc(served, label)}


def _some(judged: Outcome) -> dict[str, Bool]:
    """Return the clicks that ratios to the label are over: those that paid, told apart by how."""
    paid = judged.label > 0
    again, late = (np.zeros_like(paid) if of is None else of for of in (judged.again, judged.late))
    once = np.zeros_like(paid) if judged.again is None else ~again
    return {
        "alpr": paid,
        "bias": paid,
        "bias_once": paid & once,
        "bias_again": paid & again,
        "bias_late": paid & late,
    }


def _amount(served: Float64, judged: Outcome) -> dict[str, float]:
    label, truth = judged.label, judged.truth
    biases = {name: of for name, of in _some(judged).items() if name != "alpr"}
    return {
        "auc": metrics.concordance(served, label),
        "acc": metrics.acc(served, label),
        "alpr": metrics.alpr(served, label),
        "log_mae": metrics.log_mae(served, label),
        "rmse": metrics.rmse(served, label),
        "regret_gamma": math.nan if truth is None else metrics.regret_gamma(served, label, truth),
        "pcoc": metrics.pcoc(served, label),
        "decile_error": metrics.decile_error(served, label),
        **{name: metrics.log_bias(served[of], label[of]) for name, of in biases.items()},
    }


AMOUNT = (
    "auc", "acc", "alpr", "log_mae", "rmse", "regret_gamma", "pcoc", "decile_error",
    "bias", "bias_once", "bias_again", "bias_late",
)  # fmt: skip
"""What amounts given a pay are measured by. ``bias`` is in powers of two, and told apart by what a label waited for: clicks
that paid once, more than once, or late."""


def _value(served: Float64, judged: Outcome) -> dict[str, float]:
    label, truth = judged.label, judged.truth
    return {
        "auc": metrics.concordance(served, label),
        "gamma": metrics.gamma(served, label),
        "regret_gamma": math.nan if truth is None else metrics.regret_gamma(served, label, truth),
        "rmse": metrics.rmse(served, label),
        "pcoc": metrics.pcoc(served, label),
        "decile_error": metrics.decile_error(served, label),
    }


def _amounts(
    title: str, label: Callable[[Labels], Float64], truth: Callable[[Truth], Float64 | None]
) -> Task:
    """Return a task whose label is an amount, given a conversion."""
    return Task(
        title=title,
        of="conversions",
        kept=_converted,
        label=label,
        truth=truth,
        measure=_amount,
        measured=AMOUNT,
        primary="alpr",
        regret="regret_gamma",
        headline="alpr",
        further=("acc",),
        binary=False,
        some=_some,
    )


def _binary(
    title: str,
    of: str,
    kept: Callable[[Labels], Bool],
    label: Callable[[Labels], Float64],
    truth: Callable[[Truth], Float64 | None],
    *,
    scaled: bool = True,
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
        scaled=scaled,
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
    "gmv": _amounts("GMV: amount paid, given a conversion", lambda labels: labels.gmv, _gmv_truth),
    "netgmv": _amounts("NetGMV: amount paid and not refunded, given a conversion", _stays, lambda _: None),
    "repurchase": _binary(
        "Repurchase: a second pay after the first",
        "conversions",
        _converted,
        lambda labels: (labels.pay_count > 1).astype(np.float64),
        lambda _: None,
        scaled=False,
    ),
    "value": Task(
        title="Value: expected GMV of a click, paid or not",
        of="clicks",
        kept=_every,
        label=lambda labels: labels.gmv,
        truth=lambda truth: truth.get("expected_gmv"),
        measure=_value,
        measured=("auc", "gamma", "regret_gamma", "rmse", "pcoc", "decile_error"),
        primary="gamma",
        regret="regret_gamma",
        headline="regret_gamma",
        further=("gamma",),
        binary=False,
    ),
}
"""Every task by name, in the order in which results show them. The names are those of a learner's predictions."""


def outcome(task: str, labels: Labels, truth: Truth | None, time: Int64 | None = None) -> Outcome:
    """Return what a task is judged on: the kept clicks, with their labels and (if known) true expectations.

    ``time`` has the clicks' own times, where the judgement shall tell late pays apart.
    """
    judged = TASKS[task]
    kept = judged.kept(labels)
    known = judged.truth(truth) if truth else None
    late = None if time is None else (labels.converted & (labels.first_pay - time > LATE))[kept]
    return Outcome(
        kept,
        judged.label(labels)[kept],
        None if known is None else known[kept],
        (labels.pay_count > 1)[kept],
        late,
    )


def measure(task: str, predictions: Float64, judged: Outcome) -> Statistics:
    """Measure one method's predictions of all clicks of a cell."""
    served = predictions[judged.kept]
    return Statistics(
        rows=len(served),
        positives=int(np.count_nonzero(judged.label > 0)),
        sum_prediction=float(served.sum()),
        sum_label=float(judged.label.sum()),
        values=TASKS[task].measure(served, judged),
        over={name: int(np.count_nonzero(of)) for name, of in TASKS[task].some(judged).items()},
    )
