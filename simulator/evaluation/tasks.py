"""What each task is judged on: which clicks, which final label, which truth, which metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulator.evaluation import metrics
from simulator.log.schema import Bool, Float64, Labels

BINARY = ("cvr", "netcvr", "rfr")
MEASURED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(BINARY, ("auc", "prauc", "nll", "regret_nll", "pcoc")),
    "gmv": ("auc", "acc", "alpr", "log_mae", "regret_gamma", "pcoc"),
}
"""Metrics of a task that are measured in every cell."""
RELATIVE = {"auc": "ri_auc", "prauc": "ri_prauc"}
"""Metrics that have a relative improvement: 0 is the pre-trained model, 100 the oracle."""
LOWER_IS_BETTER = frozenset({"nll", "regret_nll", "alpr", "log_mae", "regret_gamma"})


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


def primary(task: str) -> str:
    """Return the metric that ranks methods on a task: the one that sees calibration as well as order."""
    return "alpr" if task == "gmv" else "nll"


def regret_of(task: str) -> str:
    """Return the name of a task's regret against the truth."""
    return "regret_gamma" if task == "gmv" else "regret_nll"


def outcome(task: str, labels: Labels, truth: Mapping[str, Float64] | None) -> Outcome:
    """Return what a task is judged on.

    cvr: did the click convert; netcvr: did it convert and was not refunded; rfr: was it refunded, among
    converted clicks; gmv: its final GMV, among converted clicks.
    """
    converted, refunded = labels.converted, labels.refunded & labels.converted
    known = _truth(task, truth) if truth else None
    if task == "cvr":
        return Outcome(np.ones(len(labels), np.bool_), converted.astype(np.float64), known)
    if task == "netcvr":
        return Outcome(np.ones(len(labels), np.bool_), (converted & ~refunded).astype(np.float64), known)
    label = refunded.astype(np.float64) if task == "rfr" else labels.gmv
    return Outcome(converted, label[converted], None if known is None else known[converted])


def _truth(task: str, truth: Mapping[str, Float64]) -> Float64 | None:
    """True expectation of a task's label. ``expected_gmv`` is per click: given a pay it is over p_pay."""
    if task == "netcvr" and {"p_pay", "p_refund"} <= truth.keys():
        return truth["p_pay"] * (1.0 - truth["p_refund"])
    if task == "gmv" and {"p_pay", "expected_gmv"} <= truth.keys():
        return truth["expected_gmv"] / np.maximum(truth["p_pay"], metrics.TINY)
    return truth.get({"cvr": "p_pay", "rfr": "p_refund"}.get(task, ""))


def measure(task: str, predictions: Float64, judged: Outcome) -> Statistics:
    """Measure one method's predictions of all clicks of a cell."""
    served = predictions[judged.kept]
    values = _gmv(served, judged) if task == "gmv" else _binary(served, judged)
    return Statistics(
        rows=len(served),
        positives=int(np.count_nonzero(judged.label > 0)),
        sum_prediction=float(served.sum()),
        sum_label=float(judged.label.sum()),
        values=values,
    )


def _binary(served: Float64, judged: Outcome) -> dict[str, float]:
    label = judged.label
    auc, prauc = metrics.ranking(served, label)
    nll = metrics.nll(served, label)
    regret = math.nan if judged.truth is None else nll - metrics.nll(judged.truth, label)
    return {"auc": auc, "prauc": prauc, "nll": nll, "regret_nll": regret, "pcoc": metrics.pcoc(served, label)}


def _gmv(served: Float64, judged: Outcome) -> dict[str, float]:
    label, truth = judged.label, judged.truth
    return {
        "auc": metrics.concordance(served, label),
        "acc": metrics.acc(served, label),
        "alpr": metrics.alpr(served, label),
        "log_mae": metrics.log_mae(served, label),
        "regret_gamma": math.nan if truth is None else metrics.regret_gamma(served, label, truth),
        "pcoc": metrics.pcoc(served, label),
    }
