"""Where a run's predictions are entered beside their final labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from learners.session.plan import Plan
from simulator.evaluation.ledger import Ledger
from simulator.evaluation.tasks import METRICS, judged_on_clicks
from simulator.evaluation.tasks.impressions import JudgedLabels
from simulator.log.schema import Int64, Labels


def ledgers(plan: Plan, predictions: Path | None) -> tuple[Ledger, Ledger | None]:
    """Return the ledger of clicks, and that of impressions where some method is judged on them."""
    line, metrics = plan.timeline, plan.scenario.evaluation.metrics
    inside_users = any(METRICS[name].by_user for name in metrics)
    on_clicks = {name: judged_on_clicks(some, plan.log.meta.truth) for name, some in plan.tasks.items()}
    on_impressions = plan.tasks_on_impressions
    shown = None
    if any(on_impressions.values()):
        who = plan.log.shown_ids(line.stream_start, line.stream_end) if inside_users else None
        shown = ledger_of(plan, on_impressions, who, labels=JudgedLabels, metrics=metrics)
    who = plan.log.ids() if inside_users else None
    return ledger_of(plan, on_clicks, who, path=predictions, metrics=metrics), shown


def ledger_of(
    plan: Plan,
    tasks: Mapping[str, tuple[str, ...]],
    users: Iterator[tuple[int, dict[str, Int64]]] | None = None,
    *,
    path: Path | None = None,
    labels: type[Labels] = Labels,
    metrics: Sequence[str] = (),
) -> Ledger:
    """Return a ledger for predictions of these tasks by method."""
    return Ledger(
        {name: some for name, some in tasks.items() if some},
        plan.calendar,
        plan.timeline.stream_start,
        plan.timeline.segment,
        predictions_path=path,
        scale=plan.scale,
        peeking=plan.peeking,
        lifetime=plan.windows.lifetime,
        metrics=metrics,
        labels=labels,
        users=users,
        composed=plan.composed,
    )
