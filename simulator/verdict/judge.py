"""The verdict on a task: by stretch who is best, by how much, whether that is settled, and what would settle it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from simulator.evaluation.estimate import Estimate, over_blocks, over_runs
from simulator.evaluation.tasks import TASKS
from simulator.log.schema import Float64
from simulator.verdict.candidates import Candidates, broken
from simulator.verdict.losses import Losses, losses, means
from simulator.verdict.measured import Measured
from simulator.verdict.settings import VerdictBlock
from simulator.verdict.stretches import TITLES, Stretch, stretches


@dataclass(frozen=True, slots=True)
class Margin:
    """By how much the best method's loss is below that of ``method`` (above it, where negative), with the interval."""

    method: str
    difference: float
    low: float
    high: float
    replicates: int
    settled: bool


@dataclass(frozen=True, slots=True)
class Needed:
    """What would settle a stretch, by the spread that was measured; None: more than can be asked for."""

    seeds: int | None = None
    days: float | None = None
    sales: int | None = None
    """As many sales as those days are, where the stretch is a part of one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of a stretch.

    Parameters
    ----------
    best : the method to serve; None where no method has a number and keeps the guardrails.
    runner_up, nothing : how far it is ahead of the next best one, and of what stands for doing nothing.
    level : methods that it cannot be told from.
    settled : whether it is ahead of every other candidate with zero outside the interval.
    values : by method, the figure that is shown for the goal.
    barred : by method, the guardrail that it breaks.
    unknown : methods without a number.
    """

    name: str
    days: float
    best: str | None
    settled: bool
    runner_up: Margin | None = None
    nothing: Margin | None = None
    level: tuple[str, ...] = ()
    needed: Needed | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    barred: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One run of those that are judged together: its cells, its stretches and what is lost in its cells."""

    summary: Mapping[str, Any]
    measured: Measured
    stretches: Mapping[str, Stretch]
    losses: Losses
    shown: Losses

    def gate(self, name: str, weights: Mapping[str, float]) -> Float64:
        """Return what each cell counts in a stretch, shape (cells,): in ``all``, by the weights of the stretches."""
        known = {n: w for n, w in weights.items() if n in self.stretches}
        if name != "all" or not sum(known.values()):
            return self.stretches[name].inside.astype(np.float64)
        gate = np.zeros(len(self.losses.weight))
        for of, weight in known.items():
            inside = self.stretches[of].inside
            size = float(self.losses.weight[inside].sum())
            gate += weight * inside / size if size else 0.0
        return gate


def case(
    summary: Mapping[str, Any],
    measured: Measured,
    methods: Sequence[str],
    task: str,
    settings: VerdictBlock,
    money: Losses | None = None,
) -> Case:
    """Prepare a run; ``money`` has what its methods lose where that is the goal."""
    found = losses(measured, methods, task, settings.goal) if money is None else money
    shown = found
    if settings.goal == "nll" and money is None:
        by_truth = means(measured, methods, TASKS[task].headline)
        shown = by_truth if by_truth.weight.any() else found
    parts = stretches(measured, summary["promotions"], settings.opening)
    return Case(summary, measured, parts, found, shown)


def judge(cases: Sequence[Case], of: Candidates, settings: VerdictBlock, confidence: float) -> list[Judged]:
    """Judge every stretch that all runs have; several runs are replicates, of one its blocks of cells are."""
    names = [name for name in cases[0].stretches if all(name in one.stretches for one in cases)]
    weights = settings.stretches.given()
    checked = [name for name in settings.guardrails.pcoc_in if name in names] or ["all"]
    barred = {name: _barred(cases, of, settings, name if name in checked else None) for name in names}
    barred["all"] = {m: said for name in [*checked, "all"] for m, said in barred[name].items()}
    return [_stretch(cases, of, name, weights, confidence, barred[name]) for name in names]


def _barred(
    cases: Sequence[Case], of: Candidates, settings: VerdictBlock, checked: str | None
) -> dict[str, str]:
    """Return the guardrail that each method breaks; PCOC is held to its own in the stretch that is ``checked``."""
    found, summaries = {}, [one.summary for one in cases]
    for method in of.methods:
        value = None if checked is None else pcoc(cases, method, checked)
        if said := broken(settings.guardrails, summaries, method, value, TITLES[checked or "all"]):
            found[method] = said
    return found


def _stretch(
    cases: Sequence[Case],
    of: Candidates,
    name: str,
    weights: Mapping[str, float],
    confidence: float,
    barred: Mapping[str, str],
) -> Judged:
    gates = [one.gate(name, weights) for one in cases]
    reached = {
        m: [_mean(one.losses, m, gate) for one, gate in zip(cases, gates, strict=True)] for m in of.methods
    }
    values = {
        m: float(np.mean([c.shown.sign * _mean(c.shown, m, g) for c, g in zip(cases, gates, strict=True)]))
        for m in of.methods
    }
    unknown = tuple(m for m in of.methods if not all(map(math.isfinite, reached[m])))
    mean = {m: math.fsum(found) / len(found) for m, found in reached.items() if m not in unknown}
    order = sorted((m for m in mean if m not in barred), key=lambda m: (mean[m], m in of.composed, m))
    days = cases[0].stretches[name].days
    said = Judged(name, days, None, settled=False, values=values, barred=barred, unknown=unknown)
    if not order:
        return said
    best = order[0]
    # What is made of others is no rival where it serves what the best one does.
    others = [m for m in order[1:] if m not in of.composed or reached[m] != reached[best]]

    def against(other: str) -> Estimate:
        if len(cases) > 1:
            return over_runs([b - a for a, b in zip(reached[best], reached[other], strict=True)])
        one, gate = cases[0], gates[0]
        counted = gate * one.losses.weight > 0
        change = (one.losses.total[other] - one.losses.total[best]) * gate
        return over_blocks(change[counted], (one.losses.weight * gate)[counted])

    rivals = {other: against(other) for other in others}
    level = tuple(m for m, estimate in rivals.items() if not estimate.settled(confidence))
    nothing = None
    if of.nothing is not None and of.nothing != best and of.nothing in mean:
        nothing = _margin(of.nothing, against(of.nothing), confidence)
    return replace(
        said,
        best=best,
        settled=bool(rivals) and not level,
        runner_up=_margin(others[0], rivals[others[0]], confidence) if others else None,
        nothing=nothing,
        level=level,
        needed=_needed([rivals[m] for m in level], cases, cases[0].stretches[name], confidence)
        if level
        else None,
    )


def pcoc(cases: Sequence[Case], method: str, name: str) -> float:
    """Return predicted over observed of a method in a stretch, over all runs; NaN where nothing was observed."""
    served, seen = (
        math.fsum(
            float(np.nansum(one.measured.values[method, key][one.stretches[name].inside])) for one in cases
        )
        for key in ("sum_prediction", "sum_label")
    )
    return served / seen if seen else math.nan


def _mean(of: Losses, method: str, gate: Float64) -> float:
    chosen = gate * of.weight > 0
    whole = float((gate * of.weight)[chosen].sum())
    return float((gate * of.total[method])[chosen].sum()) / whole if whole else math.nan


def _margin(method: str, estimate: Estimate, confidence: float) -> Margin:
    low, high = estimate.interval(confidence)
    return Margin(method, estimate.mean, low, high, estimate.n, estimate.settled(confidence))


def _needed(level: Sequence[Estimate], cases: Sequence[Case], stretch: Stretch, confidence: float) -> Needed:
    """Return what would settle the best against every method that it cannot be told from."""
    counts = [estimate.needed(confidence) for estimate in level]
    if any(count is None for count in counts):
        return Needed()
    most = max(count for count in counts if count is not None)
    if len(cases) > 1:
        return Needed(seeds=most)
    days = most * stretch.days / level[0].n
    part = stretch.name in ("opening", "day") and stretch.sales
    return Needed(days=days, sales=math.ceil(days * stretch.sales / stretch.days) if part else None)
