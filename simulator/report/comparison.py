"""What `compare` found, as tables: means over seeds with their t-intervals, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from simulator.evaluation.compare import OVERALL, Comparison, Difference
from simulator.evaluation.intervals import Combined
from simulator.evaluation.tasks import TASKS
from simulator.report import numbers
from simulator.report.layout import Column, lay_out


def comparison_tables(comparison: Comparison, width: int) -> Iterator[RenderableType]:
    """Yield a table for each group and task: methods from best to worst, those that do not compete apart; then what is said
    of their figures.
    """
    for group, runs in comparison.runs.items():
        tasks = dict.fromkeys(s.task for s in comparison.scores if s.group == group and s.phase == OVERALL)
        for task in tasks:
            title = f"{group}  {TASKS[task].title} ({len(runs)} run{'s' * (len(runs) != 1)})"
            columns = columns_of(comparison, group, task)
            apart = [i for i, m in enumerate(columns[0].cells) if (group, task, m) in comparison.references]
            laid = lay_out(columns, width, title, dim=apart, note=_note(comparison, len(runs)))
            yield Group(laid, *(Text(f"{said}.") for said in notes_of(comparison, group, task)))
        if said := agreement_of(comparison, group):
            yield Text(said)
    yield Text(f"{numbers.BY_SEGMENT}.", "dim")


def notes_of(comparison: Comparison, group: str, task: str) -> list[str]:
    """Return what is said of the figures of a task: what the runs say of missing ones, and which methods are level."""
    found, first = scores_of(comparison, group, task), TASKS[task].primary
    level: dict[float, list[str]] = {}
    for method, scores in found.items():
        competes = (group, task, method) not in comparison.references
        if competes and first in scores and not math.isnan(scores[first].mean):
            level.setdefault(scores[first].mean, []).append(method)
    ties = [f"equal in {numbers.title(first)}: {', '.join(tied)}" for tied in level.values() if len(tied) > 1]
    return [*comparison.notes.get((group, task), ()), *ties]


def agreement_of(comparison: Comparison, group: str) -> str:
    """Say, in one sentence, what the papers' metric says of the truth over the runs of a group; "" where it is not known."""
    found = comparison.agreements.get(group, ())
    if not found:
        return ""
    taus, leads = [], []
    for one in found:
        name, tau = numbers.title(one.truth[1]), one.tau
        spread = "" if math.isnan(tau.low) else f" ({tau.low:+.2f} to {tau.high:+.2f})"
        taus.append(f"{tau.mean:+.2f}{spread} for {name}")
        leads.append(f"{one.right} of {tau.n} by {name}")
    runs = max(one.tau.n for one in found)
    interval = f", with the {comparison.confidence:.0%} t-interval over runs" if runs > 1 else ""
    return (
        "What the papers' metric says of the truth: the AUC of CVR on clicks orders methods as the truth on all impressions "
        f"does with Kendall's tau {' and '.join(taus)} (mean{interval}; 1: the same order, 0: none in common). Its best "
        f"method is truly the best in {' and '.join(leads)}."
    )


def columns_of(comparison: Comparison, group: str, task: str) -> list[Column]:
    """Return the overall table of a task: means over seeds, and differences to the best method."""
    found = scores_of(comparison, group, task)
    first = TASKS[task].primary
    apart = {method for method in found if (group, task, method) in comparison.references}
    order = sorted(found, key=lambda m: (m in apart, _sortable(found[m].get(first)), m))
    metrics = [headline_of(found, task), "auc", "pcoc", "ri_auc"]
    columns = [Column("method", order, left=True)]
    for i, metric in enumerate(metrics):
        texts = [mean_text(metric, found[m].get(metric)) for m in order]
        columns.append(Column(numbers.title(metric), texts, drop=4 if i == 3 else 0))
    for metric, drop in ((first, 1), ("auc", 2)):
        against = _against(comparison, group, task, metric, order)
        texts = [_difference(metric, against.get(m)) for m in order]
        columns.append(Column(f"{numbers.title(metric)} vs {_common(against)}", texts, drop))
    return columns


def scores_of(
    comparison: Comparison, group: str, task: str, phase: str = OVERALL
) -> dict[str, dict[str, Combined]]:
    """Return what each method reached on a task in a phase, by metric."""
    found: dict[str, dict[str, Combined]] = {}
    for score in comparison.scores:
        if (score.group, score.task, score.phase) == (group, task, phase):
            found.setdefault(score.method, {})[score.metric] = score.combined
    return found


def headline_of(found: dict[str, dict[str, Combined]], task: str) -> str:
    """Return the metric that leads: regret where the truth is known, else the primary one."""
    headline = TASKS[task].headline
    known = any(headline in own and not math.isnan(own[headline].mean) for own in found.values())
    return headline if known else TASKS[task].primary


def _against(
    comparison: Comparison, group: str, task: str, metric: str, order: list[str]
) -> dict[str, Difference]:
    """Return each method's difference to the given baseline, or else to the best method of the group."""
    candidates = [
        d
        for d in comparison.differences
        if (d.group, d.phase, d.task, d.metric) == (group, OVERALL, task, metric)
    ]
    baselines = {d.baseline for d in candidates}
    best = next((m for m in order if m in baselines), None)
    return {d.method: d for d in candidates if d.baseline == best}


def _common(against: dict[str, Difference]) -> str:
    return next((d.baseline for d in against.values()), "best")


def mean_text(metric: str, combined: Combined | None) -> str:
    """Write a mean over seeds with its standard deviation."""
    if combined is None or math.isnan(combined.mean):
        return "-"
    spread = "" if math.isnan(combined.sd) else f" sd {numbers.number(metric, combined.sd)}"
    return numbers.number(metric, combined.mean) + spread


def _difference(metric: str, difference: Difference | None) -> str:
    if difference is None or math.isnan(difference.combined.mean):
        return "-"
    combined = difference.combined
    text = numbers.number(metric, combined.mean, sign=True)
    if math.isnan(combined.low):
        return text
    low, high = (numbers.number(metric, end, sign=True) for end in (combined.low, combined.high))
    return f"{text} ({low}, {high})" + ("*" if combined.low > 0 or combined.high < 0 else " ")


def _note(comparison: Comparison, runs: int) -> str:
    if runs < 2:
        return "vs: one run has no interval over seeds; run more seeds of the same scenario"
    level = f"{comparison.confidence:.0%}"
    return f"vs: mean paired difference within runs, {level} t-interval over runs; * zero outside"


def _sortable(combined: Combined | None) -> float:
    return math.inf if combined is None or math.isnan(combined.mean) else combined.mean
