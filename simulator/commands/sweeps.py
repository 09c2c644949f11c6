"""What ``sim.py sweep`` and ``--seeds`` print."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.commands.console import stdout, table, warn
from simulator.commands.failure import say
from simulator.commands.results import compared, print_comparison
from simulator.commands.verdict import print_verdicts, verdicts
from simulator.evaluation.tasks import TASKS
from simulator.report import numbers
from simulator.sweep.effects import Effect
from simulator.sweep.page import MOST_LEVELS, paired_cells, written

if TYPE_CHECKING:
    from rich.console import Console

MOST_VERDICTS = 50
"""Scenarios of a sweep up to which each has its verdict printed."""


def announce(runs: int, finished: int, seconds: float | None, where: str) -> None:
    """Say how many runs there are and how long they will take, before they begin."""
    todo = runs - finished
    said = f"{runs} run{'s' * (runs != 1)}" + (f", {finished} of them finished before" if finished else "")
    if todo and seconds is not None:
        said += f"; about {numbers.duration(seconds)} for {'all' if not finished else 'the rest'}, by their size, on {where}"
    say(said)


def print_sweep(
    account: Mapping[str, Any],
    found: Sequence[Effect],
    runs: Sequence[Path],
    left: Sequence[Path],
    best: str = "",
) -> None:
    """Print what the sweep says: the comparison of one scenario's seeds, or what each key does; then what failed, and where
    everything is.
    """
    console = stdout()
    if runs and not found:
        print_comparison(compared(runs))
        print_verdicts(verdicts(runs))
    if found:
        _print_effects(console, found)
        _print_verdicts(console, runs)
    if best:
        console.print(best, soft_wrap=True)
    failed = [run for run in account["runs"] if run["status"] == "failed"]
    if failed:
        shown = table(f"{len(failed)} of {len(account['runs'])} runs failed", "run", "seed", "tries", "why")
        for run in failed:
            shown.add_row(run["name"], str(run["seed"]), str(run["tries"]), run["error"])
        console.print(shown)
    if len(made := {str(run["made_by"]) for run in account["runs"] if "made_by" in run}) > 1:
        warn([f"the runs were made by {len(made)} different versions or machines: sweep.json says which"])
    for place in left:
        console.print(f"{place}", soft_wrap=True)


def _print_verdicts(console: Console, runs: Sequence[Path]) -> None:
    """Print a line on each scenario of a sweep, over its seeds; of very many, how to ask."""
    from simulator.evaluation.compare import grouped
    from simulator.report.verdict_box import brief_lines

    groups = len(grouped(runs))
    if groups > MOST_VERDICTS:
        console.print(f"Which policy to serve in each of {groups} scenarios: sim.py verdict RUN...")
        return
    for group, told in verdicts(runs).items():
        for line in brief_lines(group, told):
            console.print(line, soft_wrap=True)


def _print_effects(console: Console, found: Sequence[Effect]) -> None:
    for effect in found:
        if len(effect.levels) > MOST_LEVELS:
            console.print(
                f"{effect.key}: {len(effect.levels)} values, drawn in sweep.html ({effect.task})",
                soft_wrap=True,
            )
            continue
        first, *others = (written(level) for level in effect.levels)
        title = f"{TASKS[effect.task].title}: {numbers.title(effect.metric)} by {effect.key}"
        shown = table(title, "method", first, *(f"{level} vs {first}" for level in others))
        for method, means in effect.means.items():
            mean = numbers.number(effect.metric, None if math.isnan(means[0].mean) else means[0].mean)
            shown.add_row(method, mean, *paired_cells(effect, method))
        console.print(shown)
        console.print()
    console.print(
        "vs: differences between runs that are alike but for the key, 95% t-intervals over seeds; * zero outside"
    )
