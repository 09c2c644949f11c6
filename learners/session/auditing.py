"""`sim.py audit`: every policy of a scenario, replayed on its own log with other futures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from learners.catalog import resolve_all
from learners.session.plan import Plan, plan_run
from simulator.audit import AuditReport, audit, impressions_in_memory, in_memory
from simulator.log.feature_checks import doubts_of
from simulator.log.memory import MemoryLog
from simulator.scenario.load import Loaded
from simulator.units import HOUR, format_duration

CLICKS = 400_000
"""Clicks that are audited at most; the audit holds them in memory."""
CUTS = 6
OFFLINE = (
    'stream.protocol = "offline": no policy delivers anything, so that there is none to audit. What is trained on are the '
    "clicks of the history with their final labels, and no click of the stream. Features are looked at as ever."
)

AUCTION = (
    "[auction]: what is replayed here are the policies, each on the whole log, as if its method won everything. Bids are not "
    "made: that they depend on nothing of the future, of what was lost, or of what rivals bid for that, is a property of the "
    "loop and not of a scenario (docs/auction.md says how it is tested)."
)


def audit_scenario(
    loaded: Loaded, open_data: Callable[[Loaded], Path], tell: Callable[[str], None] = lambda _: None
) -> AuditReport:
    """Audit the policies of a scenario's methods on the scenario's log, and the features of the log.

    The instants at which the future is changed are spread over the stream, off every round time, and one lies just
    before each change of phase: promotions are where a policy has most to gain from peeking.
    """
    scenario = loaded.scenario
    plan = plan_run(scenario, resolve_all(scenario), open_data(loaded))
    doubts = doubts_of(plan.log, scenario, plan.timeline)
    features = [doubt.message for doubt in doubts if doubt.kind == "function of events"]
    if scenario.offline:
        return AuditReport([], features=features, note=OFFLINE)
    start, until = plan.replay_start, plan.timeline.stream_end
    log = _part(plan, start, until)
    if len(log.click_time) == CLICKS:
        until = min(until, int(log.click_time[-1]) + 1)
        tell(f"auditing the first {CLICKS:,} clicks, to {format_duration(until)}")
    cuts = np.linspace(start, until, CUTS + 2)[1:-1].astype(np.int64) + 1_234_567
    switches = plan.calendar.switches()[0] - HOUR // 2
    cuts = np.unique(np.concatenate([cuts, switches[(switches > start) & (switches < until)]]))
    report = audit(
        log,
        plan.windows,
        plan.policies,
        start=start,
        until=until,
        cuts=cuts.tolist(),
        tick=plan.tick,
        segment=plan.timeline.segment,
        calendar=plan.calendar,
        seed=scenario.seed,
        tell=tell,
        impressions=impressions_in_memory(plan.source, max(0, start - plan.windows.lifetime), until)
        if any(method.listens for method in plan.methods)
        else None,
    )
    report.features = features
    if scenario.auction is not None:
        report.note = AUCTION
    return report


def _part(plan: Plan, start: int, until: int) -> MemoryLog:
    """Read the stream, but no more clicks than can be held."""
    features = any(policy.asks or policy.tells for policy in plan.policies.values())
    seen = 0
    for batch in plan.log.clicks(start, until, features=False):
        seen += len(batch)
        if seen > CLICKS:
            until = int(batch.time[len(batch) - 1 - (seen - CLICKS)]) + 1
            break
    return in_memory(plan.source, start, until, events_until=until + plan.windows.lifetime, features=features)
