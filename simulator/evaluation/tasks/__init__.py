"""The tasks, and how predictions are measured against what each is judged on. One file here a population."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from simulator.calendar import NO_PROMOTIONS, Calendar
from simulator.calls import calling
from simulator.errors import PartError
from simulator.evaluation.task import (
    METRICS,
    TASKS,
    Metric,
    Occasion,
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
    "judged_on_clicks",
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
    calendar: Calendar = NO_PROMOTIONS,
) -> Outcome:
    """Return what a task is judged on: the kept clicks, with their labels and (if known) true expectations.

    ``time`` has the clicks' own times, where the judgement shall tell late pays apart, or the task depends on the promotions of
    the ``calendar``; ``user`` whose each is, where it shall look inside users.
    """
    judged = TASKS[task]
    if judged.on is not None:
        if time is None:
            raise ValueError(f"task {task!r} depends on when clicks were made, and no time is given")
        judged = judged.on(Occasion(time, calendar, truth))
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


def judged_on_clicks(served: Sequence[str], truth: Collection[str] = ()) -> tuple[str, ...]:
    """Return the tasks on clicks that predictions of these names are judged by: those served, and those that judge one of
    them on other clicks, as far as the columns of the ``truth`` allow it.
    """
    beside = (name for name, task in TASKS.items() if task.reads in served and task.beside in served)
    return tuple(
        name
        for name in dict.fromkeys((*served, *beside))
        if TASKS[name].population == "clicks" and set(TASKS[name].needs) <= set(truth)
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
