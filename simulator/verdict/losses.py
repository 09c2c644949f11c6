"""What is lost in each cell, by goal: sums that a stretch, a block or a bootstrap can add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.evaluation.task import lower_is_better
from simulator.evaluation.tasks import TASKS
from simulator.log.schema import Float64
from simulator.verdict.measured import Measured


@dataclass(frozen=True, slots=True)
class Losses:
    """The loss of a stretch is the sum of ``total`` over its cells by the sum of ``weight``; less is better.

    Parameters
    ----------
    total : by method, shape (cells,); NaN where the method has no number, though others have one.
    weight : the same for all methods, shape (cells,); 0 where nobody has a number.
    sign : of the figure that is shown: minus the loss where more is better.
    """

    total: Mapping[str, Float64]
    weight: Float64
    sign: float = 1.0


def metrics_of(task: str) -> set[str]:
    """Return the metrics that goals and reasons read of a task."""
    found = TASKS[task]
    return {found.primary, found.regret, found.headline, "auc", "pcoc", "sum_prediction", "sum_label"}


def losses(measured: Measured, methods: Sequence[str], task: str, goal: str) -> Losses:
    """Return what methods lose by a goal that metrics tell: nll, calibration or ranking."""
    if goal == "calibration":
        return _off(measured, methods)
    return means(measured, methods, "auc" if goal == "ranking" else TASKS[task].primary)


def means(measured: Measured, methods: Sequence[str], metric: str) -> Losses:
    """Return a metric as a loss: its mean over rows, with a minus where more is better."""
    sign = 1.0 if lower_is_better(metric) else -1.0
    empty = np.full(len(measured.start), np.nan)
    value = {m: sign * measured.values.get((m, metric), empty) for m in methods}
    rows = {m: measured.rows.get((m, metric), np.zeros_like(empty)) for m in methods}
    known = np.array([np.isfinite(value[m]) & (rows[m] > 0) for m in methods]).any(axis=0)
    weight = np.where(known, np.max([rows[m] for m in methods], axis=0), 0.0)
    total = {m: np.where(known, value[m] * weight, 0.0) for m in methods}
    return Losses(total, weight, sign)


def _off(measured: Measured, methods: Sequence[str]) -> Losses:
    """Return how far sums of predictions are from sums of labels in each cell: shortfalls and surpluses do not cancel."""
    label = np.max([measured.values[m, "sum_label"] for m in methods], axis=0)
    weight = np.where(label > 0, label, 0.0)
    served = {m: measured.values[m, "sum_prediction"] for m in methods}
    return Losses({m: np.where(weight > 0, np.abs(served[m] - label), 0.0) for m in methods}, weight)
