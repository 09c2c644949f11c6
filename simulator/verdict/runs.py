"""Finished runs asked which policy to serve: one verdict a task, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from simulator.evaluation.tasks import TASKS
from simulator.log.schema import Float64
from simulator.verdict.bids import MONEY, THOUSAND, Bids, money_losses
from simulator.verdict.candidates import Candidates, candidates
from simulator.verdict.judge import Case, Judged, case, judge
from simulator.verdict.losses import metrics_of
from simulator.verdict.measured import Measured
from simulator.verdict.reasons import why
from simulator.verdict.settings import VerdictBlock

_WORTHLESS = "nothing was paid, so that a click has no value; this is the loss (verdict.money.amount and rival give it one)"


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run leaves: its summary, its long table of metrics, and where its predictions are, if it wrote them."""

    summary: Mapping[str, Any]
    metrics: pa.Table
    predictions: Path | None = None


def verdict(
    runs: Sequence[Finished], settings: VerdictBlock, confidence: float = 0.95
) -> list[dict[str, Any]]:
    """Judge every task of some runs of one scenario: seeds are replicates, of one run blocks of its segments are.

    Returns
    -------
    One table a task: ``task``, ``goal``, ``metric`` (whose figures are shown), ``runs``, ``confidence``, ``nothing``, ``idle``,
    ``notes`` and ``stretches``, the fields of `Judged`.

    Raises
    ------
    ScenarioError : the baseline is no method of the runs.
    RunError : money is asked for, and a run wrote no predictions.
    """
    ranking = runs[0].summary["ranking"]
    tasks = [task for task in ranking if TASKS[task].beside not in ranking]
    return [_task(runs, task, settings, confidence) for task in tasks]


def _task(
    runs: Sequence[Finished], task: str, settings: VerdictBlock, confidence: float, *said: str
) -> dict[str, Any]:
    notes = list(said)
    if settings.goal == "money" and task not in MONEY:
        notes.append(f"money is told of {' and '.join(MONEY)}; this is its loss")
        settings = settings.model_copy(update={"goal": "nll"})
    of = candidates([run.summary for run in runs], task, settings.baseline)
    cases: list[Case] = []
    bids: list[Bids] = []
    for run in runs if of.methods else ():
        measured = Measured.of(run.metrics, task, metrics_of(task))
        money = None
        if settings.goal == "money":
            priced = money_losses(run.predictions, measured, of.methods, task, settings.money)
            if priced is None:
                return _task(runs, task, settings.model_copy(update={"goal": "nll"}), confidence, _WORTHLESS)
            money, told = priced
            bids.append(told)
        cases.append(case(run.summary, measured, of.methods, task, settings, money))
    if of.nothing is None:
        notes.append("no model that is never updated ran: what doing nothing would do is not known")
    if not of.methods:
        notes.append("only bounds, which read the future or the truth, ran: there is nobody to serve")
    found = judge(cases, of, settings, confidence) if of.methods and len(cases[0].measured.start) else []
    return {
        "task": task,
        "goal": settings.goal,
        "metric": metric_of(task, settings.goal, known=all(c.shown is not c.losses for c in cases)),
        "runs": len(runs),
        "confidence": confidence,
        "nothing": of.nothing,
        "idle": sorted(of.idle),
        "notes": notes,
        "money": _prices(bids, cases, found),
        "stretches": [asdict(_explained(cases, of, task, settings, one)) for one in found],
    }


def metric_of(task: str, goal: str, *, known: bool) -> str:
    """Return what the figures of a goal are; ``known``: a headline that needs the truth is."""
    if goal == "nll":
        return TASKS[task].headline if known else TASKS[task].primary
    return {"ranking": "auc", "calibration": "calibration", "money": "money"}[goal]


def _explained(
    cases: Sequence[Case], of: Candidates, task: str, settings: VerdictBlock, one: Judged
) -> Judged:
    """Add the reason of a margin that is settled: to the runner-up, or else to doing nothing."""
    margin = next((m for m in (one.runner_up, one.nothing) if m is not None and m.settled), None)
    if one.best is None or margin is None:
        return one
    weighted = one.name == "all" and settings.stretches.given()  # then it is no difference over rows
    by_rows = settings.goal == "nll" and TASKS[task].primary == "nll" and not weighted
    told = margin.difference if by_rows else math.nan
    return replace(one, why=why(cases, of, task, one.name, one.best, margin.method, told))


def _prices(bids: Sequence[Bids], cases: Sequence[Case], found: Sequence[Judged]) -> dict[str, Any]:
    """Return what bids lost for a thousand clicks, by stretch and method, means over runs; nothing where money is no goal."""
    if not bids:
        return {}

    def lost(part: str, method: str, name: str) -> float:
        each = []
        for one, of in zip(bids, cases, strict=True):
            inside = of.stretches[name].inside
            sums: Mapping[str, Float64] = getattr(one, part)
            each.append(THOUSAND * float(sums[method][inside].sum()) / float(one.clicks[inside].sum()))
        return math.fsum(each) / len(each)

    return {
        "known": all(one.known for one in bids),
        **{
            name: math.fsum(getattr(one, name) for one in bids) / len(bids)
            for name in ("amount", "value", "rival")
        },
        "stretches": {
            judged.name: {
                method: {part: lost(part, method, judged.name) for part in ("over", "under", "profit")}
                for method in bids[0].over
            }
            for judged in found
        },
    }
