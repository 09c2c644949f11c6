"""Several finished runs side by side: seeds as replicates, differences paired inside each run."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.errors import RunError
from simulator.evaluation.agreement import Pooled, pooled
from simulator.evaluation.intervals import Combined, combine_seeds

OVERALL = "overall"


@dataclass(frozen=True, slots=True)
class Score:
    """One number of one method over the runs of a group. ``phase`` is a phase, or "overall"."""

    group: str
    phase: str
    task: str
    metric: str
    method: str
    combined: Combined


@dataclass(frozen=True, slots=True)
class Difference:
    """``method - baseline`` within each run, over the runs of a group that have both."""

    group: str
    phase: str
    task: str
    metric: str
    method: str
    baseline: str
    combined: Combined


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `compare` found. A group is a scenario (what can change results, but for the seed); its runs are replicates."""

    confidence: float
    runs: dict[str, tuple[Path, ...]]
    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    references: frozenset[tuple[str, str, str]] = frozenset()
    """(group, task, method) of those that do not compete: frozen models and upper bounds."""
    openings: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """By group, hour by hour around each promotion: sums over the group's runs."""
    notes: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """By (group, task): what the runs say of missing numbers, such as that no click paid."""
    agreements: Mapping[str, tuple[Pooled, ...]] = field(default_factory=dict)
    """By group, where the truth is known: how far the papers' metric orders methods as it does."""


_Key = tuple[str, str, str, str]
"""(group, phase, task, metric)."""


def compare(runs: Sequence[Path], *, baseline: str | None = None, confidence: float = 0.95) -> Comparison:
    """Compare finished runs by what they wrote (``summary.json``); judge nothing anew.

    Differences are taken against ``baseline``, or where there is none, between every two methods of a run.

    Raises
    ------
    RunError
        a directory is not a finished run, or is the same run as another; or no run has the baseline.
    """
    if not runs:
        raise RunError("compare: no run was given; allowed: one or more run directories")
    values: dict[_Key, dict[str, dict[Path, float]]] = defaultdict(lambda: defaultdict(dict))
    references: set[tuple[str, str, str]] = set()
    notes: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    agreements: dict[str, list[Any]] = defaultdict(list)
    openings: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    groups = grouped(runs)
    for run in runs:
        group, summary = read_summary(run)
        agreements[group].append(summary.get("agreement", ()))
        ranking = summary.get("ranking", {})
        for task, said in summary.get("notes", {}).items():
            notes[group, task] |= dict.fromkeys(said)
        references |= {(group, task, method) for task in ranking for method in ranking[task]["references"]}
        for opening in summary.get("openings", ()):
            _pool(openings[group].setdefault(opening["name"], {}), opening)
        for phase, task, metric, method, value in numbers_of(summary):
            values[group, phase, task, metric][method][run] = value
    methods = {method for found in values.values() for method in found}
    if baseline is not None and baseline not in methods:
        raise RunError(f"compare: no run has the method {baseline!r}; allowed: {', '.join(sorted(methods))}")
    scores, differences = _combined(values, baseline, confidence)
    return Comparison(
        confidence,
        {g: tuple(p) for g, p in groups.items()},
        tuple(scores),
        tuple(differences),
        frozenset(references),
        {group: tuple(found.values()) for group, found in openings.items()},
        {where: tuple(said) for where, said in notes.items()},
        {group: pooled(own, confidence) for group, own in agreements.items()},
    )


def _combined(
    values: Mapping[_Key, Mapping[str, Mapping[Path, float]]], baseline: str | None, confidence: float
) -> tuple[list[Score], list[Difference]]:
    """Return each method's mean over runs, and the paired differences."""
    scores: list[Score] = []
    differences: list[Difference] = []
    for (group, phase, task, metric), found in values.items():
        where = (group, phase, task, metric)
        for method, by_run in found.items():
            scores.append(Score(*where, method, combine_seeds(list(by_run.values()), confidence)))
            for other in found if baseline is None else {baseline} & found.keys():
                shared = [run for run in by_run if run in found[other]]
                if other != method and shared:
                    paired = [by_run[run] - found[other][run] for run in shared]
                    differences.append(Difference(*where, method, other, combine_seeds(paired, confidence)))
    return scores, differences


def _pool(into: dict[str, Any], opening: Mapping[str, Any]) -> None:
    """Add one run's sums by hour; methods or tasks that not all runs have count where they are."""
    for name in ("name", "start", "end", "hour"):
        into.setdefault(name, opening[name])
    for part in ("tasks", "methods"):
        for outer, sums in opening[part].items():
            own = into.setdefault(part, {}).setdefault(outer, {})
            for name, values in sums.items():
                if values is not None:
                    own[name] = [
                        a + b for a, b in zip(own.get(name, [0.0] * len(values)), values, strict=True)
                    ]


def grouped(runs: Sequence[Path]) -> dict[str, list[Path]]:
    """Return finished runs by group: one scenario each, whose runs are replicates.

    Raises
    ------
    RunError : one is no finished run, or is the same run as another.
    """
    groups: dict[str, list[Path]] = defaultdict(list)
    replicates: dict[tuple[str, int | None], Path] = {}
    if twice := repeated(runs):
        raise RunError(f"{twice[0]}: was given twice; each run is one replicate")
    for run in runs:
        group, summary = read_summary(run)
        seed = summary.get("seed")
        if (other := replicates.setdefault((group, seed), run)) is not run and seed is not None:
            raise RunError(
                f"{other} and {run} are the same scenario with the same seed ({seed}), so one replicate; "
                "name one of them"
            )
        groups[group].append(run)
    return groups


def repeated(runs: Sequence[Path]) -> list[Path]:
    """Return the runs that were given before, under whatever name."""
    places = [run.resolve() for run in runs]
    return [run for i, run in enumerate(runs) if places[i] in places[:i]]


def read_summary(run: Path) -> tuple[str, dict[str, Any]]:
    """Return the group of a run (``<name>/<config hash>``, from where it lies) and its ``summary.json``."""
    path = run / "summary.json"
    if not path.is_file():
        raise RunError(f"{run}: not a finished run; a run directory holds summary.json")
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(summary, dict) or "methods" not in summary:
        raise RunError(f"{path}: has no 'methods'; it was not written by a run")
    place = run.resolve()
    return f"{place.parent.name}/{place.name.rsplit('-s', 1)[0]}", summary


def numbers_of(summary: dict[str, Any]) -> Iterator[tuple[str, str, str, str, float]]:
    """Yield (phase, task, metric, method, value) of one run; null is NaN."""
    for phase, methods in ({OVERALL: summary["methods"]} | summary["phases"]).items():
        for method, tasks in methods.items():
            for task, metrics in tasks.items():
                for metric, value in metrics.items():
                    yield phase, task, metric, method, math.nan if value is None else float(value)
