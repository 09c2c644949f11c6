"""The tasks: which clicks each is judged on, which final label, which truth, which metrics. One entry here a task."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from simulator.calls import calling
from simulator.errors import PartError
from simulator.evaluation import metrics
from simulator.evaluation.task import (
    METRICS,
    TASKS,
    Metric,
    Outcome,
    Statistics,
    Task,
    Truth,
    every,
    values_of,
)
from simulator.log.schema import Bool, Float64, Int64, Labels
from simulator.ranking import ranking
from simulator.units import DAY

RELATIVE = {"auc": "ri_auc", "prauc": "ri_prauc"}
"""Metrics that have a relative improvement: 0 is the pre-trained model, 100 the oracle."""
BY_SEGMENT = frozenset({"auc", "prauc"})
"""Metrics that are shown as the mean of the segments' own, weighted by rows: ranking is inside a segment, as papers on
streams report it. Every other one is over all rows."""
__all__ = [
    "METRICS",
    "TASKS",
    "Metric",
    "Outcome",
    "Statistics",
    "Task",
    "Truth",
    "every",
    "measure",
    "outcome",
]

LATE = DAY
"""A first pay later than this after the click counts as late in what is told apart by maturity."""


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


for name, task in {
    "cvr": _binary(
        "CVR: conversion after the click",
        "clicks",
        every,
        lambda labels: labels.converted.astype(np.float64),
        lambda truth: truth.get("p_pay"),
    ),
    "netcvr": _binary(
        "NetCVR: conversion that is not refunded", "clicks", every, _pay_that_stays, _net_truth
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
        kept=every,
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
}.items():
    TASKS.register(name)(task)


def _order(served: Float64, label: Float64) -> float:
    binary = bool(np.isin(label, (0.0, 1.0)).all())
    return ranking(served, label)[0] if binary else metrics.concordance(served, label)


def _unweighted(
    function: Callable[[Float64, Float64], float],
) -> Callable[[Float64, Float64, Float64], float]:
    return lambda served, label, _: function(served, label)


for name, title, lower, digits, function in (
    ("nll", "NLL", True, 4, metrics.nll),
    ("auc", "AUC", False, 4, _order),
    ("prauc", "PR-AUC", False, 4, lambda served, label: ranking(served, label)[1]),
    ("pcoc", "PCOC", False, 2, metrics.pcoc),
    ("acc", "ACC@20%", False, 3, metrics.acc),
    ("alpr", "ALPR", True, 3, metrics.alpr),
    ("log_mae", "log MAE", True, 4, metrics.log_mae),
    ("gamma", "gamma loss", True, 4, metrics.gamma),
    ("rmse", "RMSE", True, 1, metrics.rmse),
    ("decile_error", "decile error", True, 3, metrics.decile_error),
):
    METRICS.register(name)(Metric(title, _unweighted(function), lower, digits))


def outcome(task: str, labels: Labels, truth: Truth | None, time: Int64 | None = None) -> Outcome:
    """Return what a task is judged on: the kept clicks, with their labels and (if known) true expectations.

    ``time`` has the clicks' own times, where the judgement shall tell late pays apart.
    """
    judged = TASKS[task]
    with calling(judged.label, "label", f"{len(labels)} clicks", f"task {task!r}"):
        kept, label = judged.kept(labels), judged.label(labels)
        known = judged.truth(truth) if truth else None
        if label.shape != (len(labels),) or kept.shape != (len(labels),) or kept.dtype != np.bool_:
            raise PartError(
                f"kept and label are of shape {kept.shape} and {label.shape}; they must be a bool and a number "
                "for each click"
            )
    late = None if time is None else (labels.converted & (labels.first_pay - time > LATE))[kept]
    return Outcome(
        kept,
        label[kept],
        None if known is None else known[kept],
        (labels.pay_count > 1)[kept],
        late,
    )


def measure(task: str, predictions: Float64, judged: Outcome, further: Sequence[str] = ()) -> Statistics:
    """Measure one method's predictions of all clicks of a cell, also by the ``further`` metrics of a scenario."""
    served = predictions[judged.kept]
    return Statistics(
        rows=len(served),
        positives=int(np.count_nonzero(judged.label > 0)),
        sum_prediction=float(served.sum()),
        sum_label=float(judged.label.sum()),
        values={**TASKS[task].measure(served, judged), **values_of(further, served, judged.label)},
        over={name: int(np.count_nonzero(of)) for name, of in TASKS[task].some(judged).items()},
    )
