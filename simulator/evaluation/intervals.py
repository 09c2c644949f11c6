"""Paired confidence intervals: segments as blocks within one run, seeds as replicates between runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.calendar import PHASES
from simulator.errors import ScenarioError, unknown
from simulator.evaluation.results import Aggregate, Results, Series
from simulator.evaluation.task import lower_is_better
from simulator.evaluation.tasks import TASKS
from simulator.log.schema import Bool, Float64, Int64
from simulator.randomness import generator


@dataclass(frozen=True, slots=True)
class Interval:
    """The difference ``method - baseline`` of a metric over a phase (None: overall), with its interval.

    ``blocks`` is how many segments it rests on. It says how sure we are of these trained networks on this
    log; what other seeds would give is for `combine_seeds`. Few blocks make it too narrow.
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
    results: Results,
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = 1000,
    baseline: str | None = None,
) -> list[Interval]:
    """Bootstrap the differences of all methods, overall and in each phase, resampling whole segments.

    Every method is weighed by the same draws, so what moves all of them together cancels. The interval is the
    percentile interval at ``confidence``.
    """
    segments = np.array([cell.segment for cell in results.cells], np.int64)
    scopes: list[tuple[str | None, Bool]] = [(None, np.ones(len(segments), np.bool_))]
    scopes += [
        (phase, results.phases == code) for code, phase in enumerate(PHASES) if code in set(results.phases)
    ]
    against = {task: baselines(results, task, baseline) for task in results.tasks}
    found: list[Interval] = []
    for phase, chosen in scopes:
        scope = _Scope(phase, chosen, segments[chosen], seed, resamples)
        for task in results.tasks:
            for metric in TASKS[task].compared:
                found += scope.intervals(results, task, metric, against[task], confidence=confidence)
    return found


class _Scope:
    """The cells of one phase (or all of them) as blocks, and how often each block is drawn."""

    def __init__(self, phase: str | None, chosen: Bool, segments: Int64, seed: int, resamples: int) -> None:
        self.phase, self.chosen = phase, chosen
        distinct, self.block = np.unique(segments, return_inverse=True)
        self.count = len(distinct)
        self.draws: Float64 = np.zeros((resamples, self.count))
        if self.count:
            random = generator(seed, "intervals", phase or "overall")
            self.draws += random.multinomial(
                self.count, np.full(self.count, 1.0 / self.count), size=resamples
            )

    def intervals(
        self, results: Results, task: str, metric: str, against: dict[str, str], *, confidence: float
    ) -> list[Interval]:
        """Return the interval of each method's difference to the method it is compared with."""
        tail = 100.0 * (1.0 - confidence) / 2.0
        point: dict[str, float] = {}
        drawn: dict[str, Float64] = {}
        for method in against:
            up, down = _fraction(results.series[method, task], metric, self)
            with np.errstate(divide="ignore", invalid="ignore"):
                point[method] = float(np.divide(up.sum(), down.sum()))
                drawn[method] = (self.draws @ up) / (self.draws @ down)
        found = []
        for method, other in against.items():
            low = high = math.nan
            with np.errstate(invalid="ignore"):  # a block without positives may leave no number
                change = drawn[method] - drawn[other]
            change = change[np.isfinite(change)]
            if self.count > 1 and len(change):
                low, high = (float(q) for q in np.percentile(change, [tail, 100.0 - tail]))
            difference = point[method] - point[other]
            found.append(Interval(method, other, task, self.phase, metric, difference, low, high, self.count))
        return found


def _fraction(series: Series, metric: str, scope: _Scope) -> tuple[Float64, Float64]:
    """Numerator and denominator of a metric by block: a resample of it is a ratio of weighted sums."""
    chosen = scope.chosen
    if metric == "pcoc":
        up, down = series.values["sum_prediction"][chosen], series.values["sum_label"][chosen]
    else:
        value, rows = series.values[metric][chosen], series.over[metric][chosen].astype(np.float64)
        known = np.isfinite(value)
        up, down = np.where(known, value, 0.0) * rows, rows * known
    sums = (np.bincount(scope.block, part, scope.count) for part in (up, down))
    first, second = (part.astype(np.float64) for part in sums)
    return first, second


def combine_seeds(values: Sequence[float], confidence: float = 0.95) -> Combined:
    """Return mean, standard deviation and t-interval of one number over several runs; NaNs are skipped."""
    known = np.array([value for value in values if math.isfinite(value)], np.float64)
    n = len(known)
    mean = float(known.mean()) if n else math.nan
    if n < 2:
        return Combined(mean, math.nan, math.nan, math.nan, n)
    from scipy.special import stdtrit

    sd = float(known.std(ddof=1))
    half = float(stdtrit(n - 1, 0.5 + confidence / 2.0)) * sd / math.sqrt(n)
    return Combined(mean, sd, mean - half, mean + half, n)
