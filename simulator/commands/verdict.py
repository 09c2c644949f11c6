"""`verdict`: which policy to serve, asked of finished runs; nothing is run again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.commands.console import stdout
from simulator.errors import ScenarioError

if TYPE_CHECKING:
    from simulator.scenario.model import Scenario

Verdicts = dict[str, list[dict[str, Any]]]
"""By group of runs (one scenario, several seeds), one verdict a task."""


def asked_again(run: Path, goal: str | None, overrides: Sequence[str]) -> Scenario:
    """Return the scenario of a finished run, with what is asked of it now.

    Raises
    ------
    ScenarioError : a key is no part of the question, or is wrong.
    """
    from simulator.scenario.load import load_scenario
    from simulator.scenario.overrides import parse_override

    texts = [*([f'verdict.goal="{goal}"'] if goal is not None else []), *overrides]
    if faults := [
        f"--set {text}: changes what is run; of finished runs verdict.* and evaluation.confidence can be asked anew"
        for text in texts
        if parse_override(text)[0][0] != "verdict" and parse_override(text)[0] != ["evaluation", "confidence"]
    ]:
        raise ScenarioError(faults)
    return load_scenario(run / "scenario.resolved.toml", texts).scenario


def verdicts(runs: Sequence[Path], goal: str | None = None, overrides: Sequence[str] = ()) -> Verdicts:
    """Judge finished runs: each scenario by itself, its seeds as replicates.

    Raises
    ------
    ScenarioError : a key of the question is wrong.
    RunError : a run cannot be read, or lacks what its goal is told from.
    """
    from simulator.evaluation.compare import grouped
    from simulator.report.html import read_run
    from simulator.report.summary import json_safe
    from simulator.verdict.runs import Finished, verdict

    found: Verdicts = {}
    for group, members in grouped(runs).items():
        scenario = asked_again(members[0], goal, overrides)
        finished = [Finished(*read_run(run), run / "predictions.parquet") for run in members]
        found[group] = json_safe(verdict(finished, scenario.verdict, scenario.evaluation.confidence))
    return found


def verdict_runs(runs: Sequence[Path], goal: str | None, overrides: Sequence[str], *, as_json: bool) -> None:
    """Print the verdict on finished runs, as lines or as JSON.

    Raises
    ------
    ScenarioError : no run is given, one is no finished run, or a key of the question is wrong.
    """
    from simulator.commands.results import finished_runs

    found = verdicts(finished_runs("verdict", runs), goal, overrides)
    if as_json:
        print_json([{"group": group, "verdict": told} for group, told in found.items()])
    else:
        print_verdicts(found)


def print_verdicts(found: Verdicts) -> None:
    """Print verdicts as lines, under the names of their groups where there are several."""
    from simulator.report.tables import make_console
    from simulator.report.verdict_box import verdict_lines

    console = make_console()
    for group, told in found.items():
        if len(found) > 1:
            console.print(group, markup=False)
        for lines in verdict_lines(told):
            console.print(lines)
            console.print()


def print_json(data: Any) -> None:
    """Print plain data as strict JSON, for programs."""
    stdout().print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False), soft_wrap=True)
