"""Paired confidence intervals: blocks of segments within one run, seeds as replicates between runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.calendar import PHASES
from simulator.errors import ScenarioError, unknown
from simulator.evaluation.estimate import blocks, from_rest, over_runs, ratio
from simulator.evaluation.results import Aggregate, Results, Series
from simulator.evaluation.task import lower_is_better
from simulator.evaluation.tasks import TASKS
from simulator.log.schema import Bool, Float64, Int64


@dataclass(frozen=True, slots=True)
class Interval:
    """The difference ``method - baseline`` of a metric over a phase (None: overall), with its interval.

    ``blocks`` is how many blocks of neighbouring segments it rests on. It says how sure we are of these trained networks on
    this log; what other seeds would give is for `combine_seeds`.
    """

    method: str
    baseline: str
    task: str
    phase: str | None
    metric: str
    difference: float
    low: float
    high: float
    blocks: int


@dataclass(frozen=True, slots=True)
class Combined:
    """Mean over seeds with its t-interval; the interval is NaN with fewer than two seeds."""

    mean: float
    sd: float
    low: float
    high: float
    n: int


def ranked(results: Results, task: str) -> list[str]:
    """Return the methods of a task from best to worst by its primary metric; undefined ones last."""
    table = results.overall()
    name = TASKS[task].primary
    sign = 1.0 if lower_is_better(name) else -1.0

    def key(method: str) -> tuple[bool, float, str]:
        aggregate: Aggregate = table[method][task]
        value = aggregate.values[name]
        return math.isnan(value), 0.0 if math.isnan(value) else sign * value, method

    return sorted((method for method, tasks in results.methods.items() if task in tasks), key=key)


def baselines(results: Results, task: str, baseline: str | None = None) -> dict[str, str]:
    """Return what each method of a task is compared with: the given baseline, or the best other method.

    The frozen model can be served, and be the best; bounds are no one's best other method unless nothing else ran.
    """
    if baseline is not None and baseline not in results.methods:
        raise ScenarioError("evaluation.baseline: " + unknown("method", baseline, results.methods))
    order = ranked(results, task)
    able = [method for method in order if method not in results.bounds(task)]
    chosen: dict[str, str] = {}
    for method in order:
        others = [m for m in able if m != method] or [m for m in order if m != method]
        if baseline in order and baseline != method:
            others = [str(baseline)]
        if others:
            chosen[method] = others[0]
    return chosen


def paired_intervals(
    results: Results, *, confidence: float = 0.95, baseline: str | None = None
) -> list[Interval]:
    """Return the differences of all methods, overall and in each phase, with t-intervals over blocks of whole segments.

    What moves two methods together cancels in each block (`simulator.evaluation.estimate.over_blocks`).
    """
    segments = np.array([cell.segment for cell in results.cells], np.int64)
    scopes: list[tuple[str | None, Bool]] = [(None, np.ones(len(segments), np.bool_))]
    scopes += [
        (phase, results.phases == code) for code, phase in enumerate(PHASES) if code in set(results.phases)
    ]
    against = {task: baselines(results, task, baseline) for task in results.tasks}
    found: list[Interval] = []
    for phase, chosen in scopes:
        scope = _Scope(phase, chosen, segments[chosen])
        for task in results.tasks:
            for metric in TASKS[task].compared:
                found += scope.intervals(results, task, metric, against[task], confidence=confidence)
    return found


class _Scope:
    """The cells of one phase (or all of them), by segment."""

    def __init__(self, phase: str | None, chosen: Bool, segments: Int64) -> None:
        self.phase, self.chosen = phase, chosen
        distinct, self.segment = np.unique(segments, return_inverse=True)
        self.count = len(distinct)

    def intervals(
        self, results: Results, task: str, metric: str, against: dict[str, str], *, confidence: float
    ) -> list[Interval]:
        """Return the interval of each method's difference to the method it is compared with."""
        parts = {method: _fraction(results.series[method, task], metric, self) for method in against}
        found = []
        for method, other in against.items():
            (up, down), (other_up, other_down) = parts[method], parts[other]
            known = (up != 0) | (down != 0) | (other_up != 0) | (other_down != 0)
            mine, rest = ratio(blocks(up[known]), blocks(down[known]))
            theirs, other_rest = ratio(blocks(other_up[known]), blocks(other_down[known]))
            said = from_rest(mine - theirs, rest - other_rest)
            low, high = said.interval(confidence)
            found.append(Interval(method, other, task, self.phase, metric, said.mean, low, high, said.n))
        return found


def _fraction(series: Series, metric: str, scope: _Scope) -> tuple[Float64, Float64]:
    """Numerator and denominator of a metric by segment: over any of them it is the ratio of their sums."""
    chosen = scope.chosen
    if metric == "pcoc":
        up, down = series.values["sum_prediction"][chosen], series.values["sum_label"][chosen]
    else:
        value, rows = series.values[metric][chosen], series.over[metric][chosen].astype(np.float64)
        known = np.isfinite(value)
        up, down = np.where(known, value, 0.0) * rows, rows * known
    sums = (np.bincount(scope.segment, part, scope.count) for part in (up, down))
    first, second = (part.astype(np.float64) for part in sums)
    return first, second


def combine_seeds(values: Sequence[float], confidence: float = 0.95) -> Combined:
    """Return mean, standard deviation and t-interval of one number over several runs; NaNs are skipped."""
    known = np.array([value for value in values if math.isfinite(value)], np.float64)
    if not len(known):
        return Combined(math.nan, math.nan, math.nan, math.nan, 0)
    said = over_runs(known.tolist())
    return Combined(said.mean, said.sd, *said.interval(confidence), said.n)
