"""``summary.json``: the whole result of a run under fixed names, safe for any JSON reader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from simulator.calendar import PHASES, Calendar
from simulator.evaluation.agreement import agreements
from simulator.evaluation.cells import Grid
from simulator.evaluation.intervals import Interval, ranked
from simulator.evaluation.meters import Section
from simulator.evaluation.results import Aggregate, Results, Table
from simulator.evaluation.tasks import TASKS
from simulator.report.notes import notes_of


def build_summary(
    results: Results,
    costs: Mapping[str, Mapping[str, Any]],
    log_counts: Mapping[str, int],
    wall_seconds: Mapping[str, float],
    *,
    clicks_per_second: float = math.nan,
    intervals: Sequence[Interval] = (),
    confidence: float = 0.95,
    calendar: Calendar | None = None,
    identity: Mapping[str, Any] | None = None,
    sections: Sequence[Section] = (),
) -> dict[str, Any]:
    """Gather everything that tables and report show.

    Parameters
    ----------
    costs : `CostMeter.summary` of each method.
    log_counts : read, replayed, quarantined (and what else the log counted).
    wall_seconds : seconds by activity.
    calendar : promotions, so that a report can be drawn again from the run alone.
    identity : what the run is (name, title, seed, origin of the log as ISO text, ...), put first.
    sections : what the report shows of the policies' own meters.
    """
    overall = results.overall()
    summary = {
        **dict(identity or {}),
        "methods": {
            method: {task: a.values for task, a in tasks.items()} for method, tasks in overall.items()
        },
        "plain_means": {
            method: {task: a.means for task, a in tasks.items()} for method, tasks in overall.items()
        },
        "ranking": {task: _ranking(results, task) for task in results.tasks},
        "metrics": results.further,
        "notes": notes_of(results, costs),
        "agreement": [asdict(agreement) for agreement in agreements(results)],
        "rows": _rows(overall),
        "phases": {phase: _values(table) for phase, table in results.by_phase().items()},
        "phase_rows": {phase: _rows(table) for phase, table in results.by_phase().items()},
        "after_switch": [
            {
                "start": cell.start,
                "end": cell.end,
                "segment": cell.segment,
                "phase": cell.phase,
                "rows": cell.rows,
                "methods": _values(table),
            }
            for cell, table in results.first_after_switch()
        ],
        "openings": results.openings,
        "intervals": [asdict(interval) for interval in intervals],
        "confidence": confidence,
        "costs": {method: dict(values) for method, values in costs.items()},
        "sections": [asdict(section) for section in sections],
        "promotions": [asdict(promotion) for promotion in calendar.promotions] if calendar else [],
        "switches": switches(calendar),
        "log": {**log_counts, "evaluated": results.rows, "immature": results.immature},
        "wall_seconds": dict(wall_seconds),
        "clicks_per_second": clicks_per_second,
    }
    cleaned: dict[str, Any] = json_safe(summary)
    return cleaned


def json_safe(value: Any) -> Any:
    """Return a copy in plain JSON types: NaN and infinities become null, numpy scalars numbers, keys text."""
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [json_safe(item) for item in value]
    if isinstance(value, np.generic):
        return json_safe(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _ranking(results: Results, task: str) -> dict[str, Any]:
    """How a task's methods are ordered: the competing ones best first, then the reference rows."""
    references = results.references(task)
    order = ranked(results, task)
    zero, hundred = results.scale.get(task, (None, None))
    return {
        "metric": TASKS[task].headline if results.truth_known(task) else TASKS[task].primary,
        "methods": [method for method in order if method not in references],
        "references": [method for method in order if method in references],
        "pretrained": zero if zero in references else None,
        "oracle": hundred if hundred in references else None,
    }


def _values(table: Table) -> dict[str, dict[str, dict[str, float]]]:
    return {method: {task: a.values for task, a in tasks.items()} for method, tasks in table.items()}


def _rows(table: Table) -> dict[str, dict[str, int]]:
    """Clicks, positives and cells behind each task (the same for all its methods)."""
    found: dict[str, Aggregate] = {task: a for tasks in table.values() for task, a in tasks.items()}
    return {task: {"rows": a.rows, "positives": a.positives, "cells": a.cells} for task, a in found.items()}


def switches(calendar: Calendar | None) -> list[dict[str, Any]]:
    """Return when each phase begins."""
    if calendar is None:
        return []
    times, codes = Grid(0, 1, calendar).switches()
    return [{"time": int(t), "phase": PHASES[int(c)]} for t, c in zip(times, codes, strict=True)]
