"""The tasks that are judged on impressions: what is observed of all of them, and what only a world knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from simulator.evaluation.task import TASKS, Truth, every
from simulator.evaluation.tasks.binary import binary
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


for name, task in {
    "ctr": binary("CTR: a click on what was shown", "impressions", every, _of("clicked"), _known("c")),
    "ctcvr": binary("CTCVR: a click and its conversion", "impressions", every, _of("converted"), _both),
}.items():
    TASKS.register(name)(replace(task, population="impressions", reads=name, scaled=False))

for name, title, of, kept, column in (
    ("cvr_all", "CVR of all impressions, had they been clicked", "impressions", every, "q"),
    ("cvr_clicked", "CVR of the clicked impressions", "clicked impressions", _clicked, "q1"),
    (
        "cvr_unclicked",
        "CVR of the unclicked impressions, had they been clicked",
        "unclicked impressions",
        _unclicked,
        "q0",
    ),
):
    task = binary(title, of, kept, _of("would_pay"), _known(column))
    TASKS.register(name)(replace(task, population="impressions", reads="cvr", hidden=True, scaled=False))


def judged_on_impressions(served: Sequence[str], *, truth: bool) -> tuple[str, ...]:
    """Return the tasks on impressions that predictions of these names are judged by, those with a hidden label too if the
    world says it.
    """
    return tuple(
        name
        for name, task in TASKS.items()
        if task.population == "impressions" and task.reads in served and (truth or not task.hidden)
    )


def judged_on_clicks(served: Sequence[str]) -> tuple[str, ...]:
    """Return those of the served tasks that are judged on clicks."""
    return tuple(name for name in served if TASKS[name].population == "clicks")
