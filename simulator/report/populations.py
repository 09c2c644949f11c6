"""What belongs together of the tasks on impressions: one prediction on several populations, propensities, worth of ranking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from simulator.evaluation.tasks import TASKS
from simulator.report import numbers
from simulator.report.layout import Column, lay_out, matrices

AGAINST_TRUTH = ("regret_nll", "auc", "pcoc", "rmse_truth", "ece_truth")
"""What one prediction is shown by on each population, the first ones wherever there is least room."""
WITHOUT_TRUTH = ("nll", "auc", "pcoc", "ece", "brier")
"""The same where no world says the truth."""
BESIDE = (("ctr", "ess"), ("ctr", "clipped"), ("ctr", "max_weight"), ("ctcvr", "top_value"))
"""What is shown of the weights that propensities make, and of ranking."""


def own_tables(summary: Mapping[str, Any]) -> list[str]:
    """Return the tasks that have tables of their own: all but those that stand beside another one."""
    return [task for task in summary["ranking"] if TASKS[task].beside not in summary["ranking"]]


def populations(summary: Mapping[str, Any], task: str) -> list[str]:
    """Return the tasks that judge the same prediction on other populations, the task itself first; none if it is alone."""
    beside = [name for name in summary["ranking"] if TASKS[name].beside == task]
    return [task, *beside] if beside else []


def population_metrics(summary: Mapping[str, Any], task: str) -> tuple[str, ...]:
    """Return what a task is shown by on each population."""
    return AGAINST_TRUTH if summary["ranking"][task]["metric"] == TASKS[task].regret else WITHOUT_TRUTH


def population_title(summary: Mapping[str, Any], task: str) -> str:
    """Say on what a task is judged: rows, and how many are positive."""
    rows = summary["rows"][task]
    return f"{TASKS[task].of} ({rows['rows']:,}, {rows['positives'] / max(rows['rows'], 1):.1%})"


def notes_beside(summary: Mapping[str, Any], task: str) -> list[str]:
    """Return what is missing on the other populations of a task, in words."""
    notes = summary.get("notes", {})
    return [
        f"{TASKS[name].short}: {said}."
        for name in populations(summary, task)[1:]
        for said in notes.get(name, ())
    ]


def impression_tables(summary: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
    """Yield the tables of what belongs together."""
    for task in own_tables(summary):
        if of := populations(summary, task):
            columns = [
                (
                    population_title(summary, name).replace(" (", "\n("),
                    {method: tasks[name] for method, tasks in summary["methods"].items() if name in tasks},
                )
                for name in of
            ]
            metrics = population_metrics(summary, task)
            against = " against the truth" if metrics == AGAINST_TRUTH else ""
            title = f"{(TASKS[task].reads or task).upper()}{against}, by population (rows, positive)"
            yield from matrices(summary["ranking"][task], metrics, title, columns, width)
            yield from map(Text, notes_beside(summary, task))
    yield from _beside(summary, width)


def _beside(summary: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
    shown = [(task, metric) for task, metric in BESIDE if task in summary["ranking"]]
    if not shown:
        return
    ranking = summary["ranking"][shown[0][0]]
    methods = [*ranking["methods"], *ranking["references"]]
    columns = [Column("method", methods, left=True)]
    for task, metric in shown:
        values = (summary["methods"][method].get(task, {}).get(metric) for method in methods)
        cells = [numbers.number(metric, value) for value in values]
        if any(cell != "-" for cell in cells):
            columns.append(Column(numbers.heading(metric), cells))
    if len(columns) > 1:
        title = "Inverse propensities of clicked impressions, and worth of ranking impressions by CTCVR"
        yield lay_out(columns, width, title, dim=range(len(ranking["methods"]), len(methods)))
