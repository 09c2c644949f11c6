"""``report.html``: one self-contained page, drawn from the run directory alone; it loads nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.errors import RunError
from simulator.evaluation.task import lower_is_better
from simulator.evaluation.tasks import TASKS
from simulator.report import figures, numbers
from simulator.report.likeness import likeness_figures
from simulator.report.notes import ranks as rank_texts
from simulator.report.page import write_page
from simulator.report.populations import own_tables, population_metrics, population_title, populations
from simulator.report.reading import sentences
from simulator.report.sensitivity import sensitivity_tables
from simulator.report.trade_offs import paired_figure, pareto_figure
from simulator.report.verdict_box import box_of, shown_tasks
from simulator.verdict.candidates import silent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def report_from_run(run: Path) -> Path:
    """Draw (again) the report of a finished run and return its path.

    Raises
    ------
    RunError
        ``summary.json`` or ``metrics.parquet`` is missing or not readable.
    """
    summary, metrics = read_run(run)
    scenario, manifest = run / "scenario.resolved.toml", run / "manifest.json"
    began = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    path = run / "report.html"
    write_report(
        path,
        summary=summary,
        metrics=metrics,
        sensitivity=_sensitivity(run),
        scenario_text=scenario.read_text(encoding="utf-8") if scenario.is_file() else "",
        manifest=began,
    )
    return path


def _sensitivity(run: Path) -> list[dict[str, Any]]:
    """Return what ``sensitivity`` found of a run, as texts; nothing where it was not asked."""
    path = run / "sensitivity.json"
    if not path.is_file():
        return []
    try:
        questions = json.loads(path.read_text(encoding="utf-8"))["questions"]
        return [
            {**one, "tables": list(sensitivity_tables(one["found"]))} for one in questions if "found" in one
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: cannot be read ({error}); delete it, or ask again") from error


def read_run(run: Path) -> tuple[dict[str, Any], pa.Table]:
    """Return the summary of a finished run, and its metrics as one long table.

    Raises
    ------
    RunError : one of them is missing or not readable.
    """
    summary, metrics = run / "summary.json", run / "metrics.parquet"
    for path in (summary, metrics):
        if not path.is_file():
            raise RunError(f"{run}: not a finished run, {path.name} is missing")
    try:
        return json.loads(summary.read_text(encoding="utf-8")), pq.read_table(metrics)
    except (ValueError, pa.ArrowException) as error:
        raise RunError(f"{run}: cannot be read ({str(error).splitlines()[0]})") from error


def write_report(
    path: Path,
    *,
    summary: Mapping[str, Any],
    metrics: pa.Table,
    sensitivity: Sequence[Mapping[str, Any]] = (),
    scenario_text: str = "",
    manifest: Mapping[str, Any] | None = None,
) -> None:
    """Write the report of a run.

    Parameters
    ----------
    summary : what `build_summary` returned.
    metrics : the long table of `Results.metrics`.
    sensitivity : of each question, its title, sentences and tables.
    """
    tasks = own_tables(summary)
    write_page(
        path,
        "report.html.j2",
        figures_of(summary, metrics, tasks),
        title=summary.get("title") or summary.get("name") or "afterclick",
        description=summary.get("description", ""),
        summary=summary,
        verdict=[box_of(one) for one in shown_tasks(summary.get("verdict", ()))],
        reading=sentences(summary),
        by_segment=numbers.BY_SEGMENT,
        tasks=[_task(summary, task) for task in tasks],
        costs=[_cost(method, costs) for method, costs in summary["costs"].items()],
        sections=summary.get("sections", ()),
        sensitivity=sensitivity,
        scenario_text=scenario_text,
        manifest=_flat(manifest or {}),
    )


def figures_of(
    summary: Mapping[str, Any], metrics: pa.Table, tasks: Sequence[str] | None = None
) -> dict[str, Figure | None]:
    """Return the figures of a run by name, of all tasks or of some; None for those that it has nothing to say in."""
    found: dict[str, Figure | None] = {}
    for task in summary["ranking"] if tasks is None else tasks:
        found[f"{task}-metrics"] = figures.metric_figure(summary, metrics, task)
        found[f"{task}-pareto"] = pareto_figure(summary, task)
        found[f"{task}-paired"] = paired_figure(summary, metrics, task)
        found[f"{task}-calibration"] = figures.calibration_figure(summary, metrics, task)
        found[f"{task}-opening"] = figures.opening_figure(summary, task)
    found["delay"] = figures.delay_figure(summary)
    found["correctness"] = figures.correctness_figure(summary)
    for place, section in enumerate(summary.get("sections", ())):
        found[f"section-{place}"] = figures.section_figure(summary, section)
    return {**found, **likeness_figures(summary)}


def _task(summary: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Prepare one task's tables as text, so that the template only lays out."""
    ranking = summary["ranking"][task]
    shown = numbers.shown_metrics(summary, task)
    columns = [*shown, *TASKS[task].further, *summary.get("metrics", ()), "ri_auc"]
    every = [summary["methods"][m][task] for m in [*ranking["methods"], *ranking["references"]]]
    columns = [
        m for i, m in enumerate(columns) if m not in columns[:i] and any(v.get(m) is not None for v in every)
    ]
    clock = numbers.clock_of(summary)
    phases = list(summary["phases"].items()) if len(summary["phases"]) > 1 else []  # one is no comparison
    return {
        "name": task,
        "title": TASKS[task].title,
        "short": TASKS[task].short,
        "of": TASKS[task].of,
        "binary": TASKS[task].binary,
        "lower": lower_is_better(TASKS[task].primary),
        "rows": summary["rows"][task],
        "columns": [numbers.heading(metric).splitlines() for metric in columns],
        "shown": [numbers.title(metric).removeprefix("NLL ") for metric in shown],
        "versus": numbers.versus(summary, task),
        "compared": [numbers.title(metric) for metric in (TASKS[task].primary, "auc")],
        "methods": [
            _method(summary, task, method, columns)
            for method in [*ranking["methods"], *ranking["references"]]
        ],
        "populations": _populations(summary, task),
        "phases": _matrix(summary, task, shown, phases),
        "after_switch": numbers.zoned("First segment after each switch", clock),
        "switches": _matrix(
            summary,
            task,
            shown,
            [
                (f"{c['phase']}, {numbers.instant(c['start'], clock)}", c["methods"])
                for c in summary["after_switch"]
            ],
        ),
    }


def _method(summary: Mapping[str, Any], task: str, method: str, columns: list[str]) -> dict[str, Any]:
    ranking = summary["ranking"][task]
    values, means = summary["methods"][method][task], summary["plain_means"][method][task]
    roles = {ranking["pretrained"]: "frozen", ranking["oracle"]: "upper bound"}
    return {
        "name": method,
        "rank": rank_texts(summary, task).get(method),
        "role": roles.get(method, "delivered nothing" if silent(summary["costs"].get(method, {})) else ""),
        "cells": [
            {"text": numbers.number(m, values.get(m)), "mean": numbers.number(m, means.get(m))}
            for m in columns
        ],
        "intervals": [_interval(summary, method, task, metric) for metric in (TASKS[task].primary, "auc")],
    }


def _interval(summary: Mapping[str, Any], method: str, task: str, metric: str) -> dict[str, Any]:
    interval = numbers.find_interval(summary, method, task, metric)
    if interval is None or interval["difference"] is None:
        return {"text": "-", "against": "", "settled": False, "few": False}
    low, high = (numbers.number(metric, interval[end], sign=True) for end in ("low", "high"))
    return {
        "text": f"{numbers.number(metric, interval['difference'], sign=True)} ({low}, {high})",
        "against": interval["baseline"],
        "settled": numbers.settled(interval),
        "few": interval["blocks"] < numbers.FEW_BLOCKS,
    }


def _populations(summary: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Method by population, for tasks that judge the same prediction."""
    columns = [
        (
            population_title(summary, name),
            {method: {task: tasks.get(name, {})} for method, tasks in summary["methods"].items()},
        )
        for name in populations(summary, task)
    ]
    metrics = population_metrics(summary, task)
    shown = [numbers.short(metric) for metric in metrics]
    return {**_matrix(summary, task, metrics, columns), "shown": shown}


def _matrix(
    summary: Mapping[str, Any],
    task: str,
    shown: Sequence[str],
    columns: Sequence[tuple[str, Mapping[str, Any]]],
) -> dict[str, Any]:
    """Method by phase (or switch, or population), some metrics in each; PCOC far from 1 is marked."""
    ranking = summary["ranking"][task]
    rows = []
    for method in [*ranking["methods"], *ranking["references"]]:
        cells = []
        for _, methods in columns:
            values = methods[method][task]
            for metric in shown:
                value = values.get(metric)
                side = (
                    ""
                    if metric != "pcoc" or value is None
                    else "low"
                    if value < 0.9
                    else "high"
                    if value > 1.1
                    else ""
                )
                cells.append({"text": numbers.number(metric, value), "side": side})
        rows.append({"name": method, "reference": method in ranking["references"], "cells": cells})
    return {"heads": [head for head, _ in columns], "rows": rows}


def _cost(method: str, costs: Mapping[str, Any]) -> dict[str, Any]:
    extra = {"steps": costs.get("steps"), "staleness": costs.get("staleness")}
    return {
        "name": method,
        "members": costs.get("members", []),
        "cells": [
            f"{costs['samples']:,}",
            numbers.delivered(costs),
            numbers.share(costs["label_accuracy"]),
            numbers.share(costs["fake_negative_rate"]),
            numbers.duration(costs["label_age_s"]["p50"]),
            numbers.duration(costs["label_age_s"]["p90"]),
            numbers.duration(costs["correction_lag_s"]["p50"]),
            numbers.share(costs["uncorrected_rate"]),
            "-" if extra["steps"] is None else f"{extra['steps']:,}",
            numbers.duration(extra["staleness"]),
        ],
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Write nested values as ``a.b: value`` lines."""
    lines: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += _flat(value, f"{prefix}{key}.")
        else:
            lines.append((prefix + str(key), value if isinstance(value, str) else json.dumps(value)))
    return lines
