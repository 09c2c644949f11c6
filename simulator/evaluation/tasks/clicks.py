"""The tasks that are judged on clicks: which of them, which final label, which truth, which metrics. One entry a task."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from simulator.evaluation import metrics
from simulator.evaluation.task import TASKS, Outcome, Task, Truth, every
from simulator.evaluation.tasks.binary import binary
from simulator.log.schema import Bool, Float64, Labels


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


for name, task in {
    "cvr": binary(
        "CVR: conversion after the click",
        "clicks",
        every,
        lambda labels: labels.converted.astype(np.float64),
        lambda truth: truth.get("p_pay"),
    ),
    "netcvr": binary("NetCVR: conversion that is not refunded", "clicks", every, _pay_that_stays, _net_truth),
    "rfr": binary(
        "RFR: refund after the conversion",
        "conversions",
        _converted,
        lambda labels: labels.refunded.astype(np.float64),
        lambda truth: truth.get("p_refund"),
    ),
    "gmv": _amounts("GMV: amount paid, given a conversion", lambda labels: labels.gmv, _gmv_truth),
    "netgmv": _amounts("NetGMV: amount paid and not refunded, given a conversion", _stays, lambda _: None),
    "repurchase": binary(
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
