"""The tasks, and how predictions are measured against what each is judged on. One file here a population."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.calls import calling
from simulator.errors import PartError
from simulator.evaluation.task import (
    METRICS,
    TASKS,
    Metric,
    Outcome,
    Statistics,
    Task,
    Truth,
    every,
    some_of,
    values_of,
)
from simulator.log.schema import Float64, Int64, Labels
from simulator.units import DAY

RELATIVE = {"auc": "ri_auc", "prauc": "ri_prauc"}
"""Metrics that have a relative improvement: 0 is the pre-trained model, 100 the oracle."""
BY_SEGMENT = frozenset({"auc", "prauc", "ks", "gauc", "top_value"})
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


def outcome(
    task: str,
    labels: Labels,
    truth: Truth | None,
    time: Int64 | None = None,
    user: Int64 | None = None,
) -> Outcome:
    """Return what a task is judged on: the kept clicks, with their labels and (if known) true expectations.

    ``time`` has the clicks' own times, where the judgement shall tell late pays apart; ``user`` whose each is,
    where it shall look inside users.
    """
    judged = TASKS[task]
    with calling(judged.label, "label", f"{len(labels)} clicks", f"task {task!r}"):
        kept, label = judged.kept(labels), judged.label(labels)
        known, worth = (of(truth) if truth else None for of in (judged.truth, judged.worth))
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
        None if user is None else user[kept],
        None if worth is None else worth[kept],
    )


def measure(task: str, predictions: Float64, judged: Outcome, further: Sequence[str] = ()) -> Statistics:
    """Measure one method's predictions of all clicks of a cell, also by the ``further`` metrics of a scenario."""
    served = predictions[judged.kept]
    some = {**TASKS[task].some(judged), **some_of(further, judged.label, judged.user)}
    return Statistics(
        rows=len(served),
        positives=int(np.count_nonzero(judged.label > 0)),
        sum_prediction=float(served.sum()),
        sum_label=float(judged.label.sum()),
        values={
            **TASKS[task].measure(served, judged),
            **values_of(further, served, judged.label, judged.user),
        },
        over={name: int(np.count_nonzero(of)) for name, of in some.items()},
    )
