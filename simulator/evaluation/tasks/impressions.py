"""The tasks that are judged on impressions: what is observed of all of them, and what only a world knows.

Beside what every task with a label of 0 or 1 has, they are measured by KS, ECE, and against the truth by ECE and RMSE. IEB, the
sum of predictions over the sum of labels minus 1 (ESCM2, SIGIR 2022), is PCOC - 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from simulator.evaluation import metrics
from simulator.evaluation.pools import Weights
from simulator.evaluation.task import TASKS, Outcome, Task, Truth, every
from simulator.evaluation.tasks.binary import CHANCE, binary, chance
from simulator.log.schema import Bool, Float64, ImpressionLabels, Labels


@dataclass(slots=True)
class JudgedLabels(ImpressionLabels):
    """Final labels of impressions as the evaluation knows them: with what would have come of a click that was not made."""

    would_pay: Float64
    """Whether it would have converted, had it been clicked; NaN where no world says it."""


def _of(name: str) -> Callable[[Labels], Float64]:
    return lambda labels: np.asarray(getattr(labels, name), np.float64)


def _known(name: str) -> Callable[[Truth], Float64 | None]:
    return lambda truth: truth.get(name)


def _clicked(labels: Labels) -> Bool:
    return cast("ImpressionLabels", labels).clicked


def _unclicked(labels: Labels) -> Bool:
    return ~_clicked(labels)


def _both(truth: Truth) -> Float64 | None:
    return truth["c"] * truth["q1"] if {"c", "q1"} <= truth.keys() else None


def _conversions(truth: Truth) -> Float64 | None:
    """Return the chance that it is clicked and then pays, hidden intent and position known."""
    return truth["p_click"] * truth["p_pay"] if {"p_click", "p_pay"} <= truth.keys() else None


def _propensity(served: Float64, judged: Outcome) -> dict[str, float]:
    """Measure a click rate also as the propensity whose inverse weighs clicked rows."""
    weights = Weights()
    weights.add(served, judged)
    return chance(served, judged) | weights.values()


def _ordered(served: Float64, judged: Outcome) -> dict[str, float]:
    """Measure also what is gained by showing first what is predicted highest."""
    worth = judged.worth
    return chance(served, judged) | {
        "top_value": math.nan if worth is None else metrics.top_value(served, worth)
    }


WEIGHTS = ("ess", "clipped", "max_weight")


def _on_impressions(
    task: Task,
    reads: str,
    measure: Callable[[Float64, Outcome], dict[str, float]] = chance,
    more: tuple[str, ...] = (),
) -> Task:
    return replace(
        task,
        population="impressions",
        reads=reads,
        scaled=False,
        measure=measure,
        measured=(*CHANCE, *more),
        further=(*more, "rmse_truth", "ece_truth", "ece", "ks", *task.further),
    )


_ctr = binary("CTR: a click on what was shown", "impressions", every, _of("clicked"), _known("c"))
_ctcvr = binary("CTCVR: a click and its conversion", "impressions", every, _of("converted"), _both)
TASKS.register("ctr")(
    replace(
        _on_impressions(_ctr, "ctr", _propensity, WEIGHTS),
        some=lambda judged: dict.fromkeys(WEIGHTS, judged.label > 0),
    )
)
TASKS.register("ctcvr")(
    replace(_on_impressions(_ctcvr, "ctcvr", _ordered, ("top_value",)), worth=_conversions)
)

for name, title, of, kept, column in (
    ("cvr_all", "CVR of all impressions: a conversion, had they been clicked", "impressions", every, "q"),
    ("cvr_clicked", "CVR of clicked impressions: a conversion", "clicked impressions", _clicked, "q1"),
    (
        "cvr_unclicked",
        "CVR of unclicked impressions: a conversion, had they been clicked",
        "unclicked impressions",
        _unclicked,
        "q0",
    ),
):
    task = binary(title, of, kept, _of("would_pay"), _known(column))
    TASKS.register(name)(
        replace(_on_impressions(task, "cvr"), hidden=True, beside="" if name == "cvr_all" else "cvr_all")
    )


def judged_on_impressions(served: Sequence[str], *, truth: bool) -> tuple[str, ...]:
    """Return the tasks on impressions that predictions of these names are judged by, those with a hidden label too if the
    world says it.
    """
    return tuple(
        name
        for name, task in TASKS.items()
        if task.population == "impressions" and task.reads in served and (truth or not task.hidden)
    )
