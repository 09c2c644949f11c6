"""`compare` and `report`: finished runs, read again; nothing is computed twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.commands.console import stdout, table
from simulator.commands.scenarios import run_directory
from simulator.errors import ScenarioError

if TYPE_CHECKING:
    from simulator.evaluation.compare import Comparison
    from simulator.evaluation.intervals import Combined

OVERALL = "overall"


def compare_runs(runs: Sequence[Path]) -> None:
    """Print the comparison of finished runs.

    Raises
    ------
    ScenarioError : none is given, or one is no finished run (all such are named).
    """
    if not runs:
        raise ScenarioError("compare: name one finished run or more, such as runs/minimal/*")
    faults: list[str] = []
    for run in runs:
        try:
            run_directory(run)
        except ScenarioError as error:
            faults.extend(error.faults)
    if faults:
        raise ScenarioError(faults)
    from simulator.evaluation.compare import compare  # noqa: PLC0415 - loads DuckDB

    print_comparison(compare(runs))


def print_comparison(comparison: Comparison) -> None:
    """Print the scores of each group (a scenario), one table a task: methods down, metrics across."""
    console = stdout()
    for group, runs in comparison.runs.items():
        console.print(f"{group}: {len(runs)} run{'s' * (len(runs) != 1)}", style="bold")
        scores = [s for s in comparison.scores if s.group == group and s.phase == OVERALL]
        for task in dict.fromkeys(score.task for score in scores):
            of_task = [score for score in scores if score.task == task]
            metrics = list(dict.fromkeys(score.metric for score in of_task))
            cells = {(score.method, score.metric): score.combined for score in of_task}
            shown = table(task, "method", *metrics)
            for method in dict.fromkeys(score.method for score in of_task):
                shown.add_row(method, *(_cell(cells.get((method, metric))) for metric in metrics))
            console.print(shown)
            console.print()


def _cell(combined: Combined | None) -> str:
    """Write a mean, with the half width of its interval over seeds where there is one."""
    if combined is None or math.isnan(combined.mean):
        return "-"
    half = (combined.high - combined.low) / 2
    return f"{combined.mean:.4f}" + ("" if math.isnan(half) else f" ±{half:.4f}")


def write_report(run: Path) -> Path:
    """Write report.html of a finished run anew; return where it is.

    Raises
    ------
    ScenarioError : ``run`` is no finished run.
    """
    run_directory(run)
    from simulator.report.html import report_from_run  # noqa: PLC0415 - loads plotly

    report_from_run(run)
    return run / "report.html"
