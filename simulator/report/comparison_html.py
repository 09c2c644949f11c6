"""The comparison of finished runs as one self-contained page: seeds as replicates, phases, hours around openings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.calendar import PHASES
from simulator.errors import RunError
from simulator.evaluation.compare import OVERALL, Comparison
from simulator.evaluation.tasks import TASKS
from simulator.report import figures, numbers
from simulator.report.comparison import agreement_of, columns_of, headline_of, mean_text, notes_of, scores_of
from simulator.report.page import write_page
from simulator.report.verdict_box import box_of, shown_tasks


def write_comparison(
    path: Path, comparison: Comparison, verdicts: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
) -> None:
    """Write the page; ``verdicts`` are those of each group.

    Raises
    ------
    RunError : the place cannot be written to.
    """
    groups = [_group(comparison, group, number) for number, group in enumerate(comparison.runs)]
    for group in groups:
        told = (verdicts or {}).get(group["name"], ())
        group["verdict"] = [box_of(one) for one in shown_tasks(told)]
    drawn = {name: figure for group in groups for name, figure in group.pop("figures").items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_page(
            path,
            "comparison.html.j2",
            drawn,
            groups=groups,
            confidence=comparison.confidence,
            by_segment=numbers.BY_SEGMENT,
        )
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror})") from None


def _group(comparison: Comparison, group: str, number: int) -> dict[str, Any]:
    names = dict.fromkeys(s.task for s in comparison.scores if s.group == group and s.phase == OVERALL)
    tasks = [_task(comparison, group, task, f"g{number}-{task}") for task in TASKS if task in names]
    summary = _as_summary(comparison, group, tasks)
    drawn = {f"{task['id']}-opening": figures.opening_figure(summary, task["name"]) for task in tasks}
    return {
        "name": group,
        "runs": len(comparison.runs[group]),
        "tasks": tasks,
        "agreement": agreement_of(comparison, group),
        "figures": drawn,
    }


def _task(comparison: Comparison, group: str, task: str, name: str) -> dict[str, Any]:
    columns = columns_of(comparison, group, task)
    order = columns[0].cells
    apart = [method for method in order if (group, task, method) in comparison.references]
    by_phase = {phase: scores_of(comparison, group, task, phase) for phase in PHASES}
    phases = [phase for phase, found in by_phase.items() if found]
    shown = [headline_of(scores_of(comparison, group, task), task), "auc", "pcoc"]
    return {
        "id": name,
        "name": task,
        "title": TASKS[task].title,
        "columns": [column.title for column in columns],
        "rows": [
            {"cells": cells, "reference": cells[0] in apart}
            for cells in zip(*(column.cells for column in columns), strict=True)
        ],
        "phases": phases if len(phases) > 1 else [],
        "shown": [numbers.title(metric) for metric in shown],
        "by_phase": [
            {
                "name": method,
                "reference": method in apart,
                "cells": [
                    mean_text(metric, by_phase[phase].get(method, {}).get(metric))
                    for phase in phases
                    for metric in shown
                ],
            }
            for method in order
        ],
        "order": order,
        "references": apart,
        "notes": notes_of(comparison, group, task),
    }


def _as_summary(comparison: Comparison, group: str, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the figures what they read of a run's summary."""
    ranking = {
        task["name"]: {
            "methods": [method for method in task["order"] if method not in task["references"]],
            "references": task["references"],
            "pretrained": None,
        }
        for task in tasks
    }
    methods = dict.fromkeys(method for task in tasks for method in task["order"])
    return {"ranking": ranking, "methods": methods, "openings": comparison.openings.get(group, ())}
