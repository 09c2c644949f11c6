"""`compare` and `report`: finished runs, read again; nothing is computed twice."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.commands.console import stdout, table, warn
from simulator.commands.scenarios import run_directory
from simulator.errors import ScenarioError
from simulator.plugins import load_plugins

if TYPE_CHECKING:
    from simulator.evaluation.compare import Comparison


def compare_runs(runs: Sequence[Path], report: Path | None = None, *, as_json: bool = False) -> None:
    """Print the comparison of finished runs and their verdict, and write them as a page where a place is given.

    Raises
    ------
    ScenarioError : none is given, or one is no finished run (all such are named).
    """
    from simulator.commands.verdict import print_json, print_verdicts, verdicts

    comparison, found = compared(runs), verdicts(runs)
    if as_json:
        from simulator.report.summary import json_safe

        scores = [asdict(score) for score in comparison.scores]
        groups = [
            {
                "group": g,
                "runs": comparison.runs[g],
                "verdict": found[g],
                "scores": [s for s in scores if s["group"] == g],
            }
            for g in comparison.runs
        ]
        print_json(json_safe({"confidence": comparison.confidence, "groups": groups}))
    else:
        print_comparison(comparison)
        print_verdicts(found)
    if report is not None:
        from simulator.report.comparison_html import write_comparison

        write_comparison(report, comparison, found)
        if not as_json:
            stdout().print(f"{report}", soft_wrap=True)


def compared(runs: Sequence[Path]) -> Comparison:
    """Compare finished runs.

    Raises
    ------
    ScenarioError : none is given, or one is no finished run (all such are named).
    """
    from simulator.evaluation.compare import compare

    return compare(finished_runs("compare", runs))


def finished_runs(verb: str, runs: Sequence[Path]) -> Sequence[Path]:
    """Return runs that are finished, each named once, once the tasks and metrics of their own are known.

    Raises
    ------
    ScenarioError : none is given, or one is no finished run (all such are named).
    """
    if not runs:
        raise ScenarioError(f"{verb}: name one finished run or more, such as runs/minimal/*")
    faults: list[str] = []
    for run in runs:
        try:
            run_directory(run)
        except ScenarioError as error:
            faults.extend(error.faults)
    from simulator.evaluation.compare import repeated

    faults += [f"{run}: was given twice; each run is one replicate" for run in repeated(runs)]
    if faults:
        raise ScenarioError(faults)
    load_plugins_of(runs)
    return runs


def print_run(run: Path, *, as_json: bool = False) -> None:
    """Print the ranked tables of a finished run, the verdict, and where everything is; or the last two as JSON."""
    from simulator.commands.verdict import print_json, print_verdicts
    from simulator.report.tables import print_summary

    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    if as_json:
        print_json({"run": str(run), "verdict": summary["verdict"]})
        return
    print_summary(summary)
    console = stdout()
    if account := summary.get("account"):
        console.print(f"log {account['where']} ({account['log']}):", soft_wrap=True)
        shown = table("", "rows", "what became of them")
        shown.title, shown.columns[0].justify = None, "right"
        for row in account["rows"]:
            shown.add_row(f"{row['rows']:,}", row["what"])
        console.print(shown)
        warn(account["notes"])
    if bad := summary["log"].get("quarantined"):
        console.print(
            f"{bad:,} of {summary['log']['read']:,} rows of the log were put aside: {run / 'quarantine.parquet'}",
            soft_wrap=True,
        )
    print_verdicts({summary["name"]: summary["verdict"]})
    console.print(f"{run}", soft_wrap=True)
    if (run / "report.html").exists():
        console.print(f"{run / 'report.html'}", soft_wrap=True)


def print_comparison(comparison: Comparison) -> None:
    """Print one table per scenario and task: means over seeds with intervals, and paired differences."""
    from simulator.report.comparison import comparison_tables
    from simulator.report.tables import make_console

    console = make_console()
    for shown in comparison_tables(comparison, console.width):
        console.print(shown)
        console.print()


def write_report(run: Path) -> Path:
    """Write report.html of a finished run anew; return where it is.

    Raises
    ------
    ScenarioError : ``run`` is no finished run.
    """
    run_directory(run)
    load_plugins_of([run])
    from simulator.report.html import report_from_run

    report_from_run(run)
    return run / "report.html"


def load_plugins_of(runs: Sequence[Path]) -> None:
    """Take in the tasks and metrics of their own that finished runs show: by plug-ins, or beside a link that serves them.

    Raises
    ------
    ScenarioError : their modules are gone, or fail.
    """
    modules: dict[str, None] = {}
    folders: dict[str, None] = {}
    for run in runs:
        said = tomllib.loads((run / "scenario.resolved.toml").read_text(encoding="utf-8"))
        folders |= dict.fromkeys(said.get("module_path", ()))
        parts = [method.get(key) for method in said["method"] for key in ("method", "serve")]
        kinds = [part.get("kind") if isinstance(part, dict) else part for part in parts]
        own = [kind.partition(":")[0] for kind in kinds if isinstance(kind, str) and ":" in kind]
        modules |= dict.fromkeys([*said.get("plugins", ()), *own])
    load_plugins(list(modules), folders)
