"""The end of a run: judge, and write everything that it leaves behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from learners.composed import learners_of
from learners.session.ages import by_age
from learners.session.plan import Plan
from simulator.commands.console import warn
from simulator.evaluation.composed import costs_of
from simulator.evaluation.intervals import paired_intervals
from simulator.evaluation.ledger import Ledger
from simulator.evaluation.meters import Section
from simulator.evaluation.results import Results
from simulator.log.account import told
from simulator.log.facts import fact_sheet
from simulator.log.feature_checks import Doubt
from simulator.pipeline import Pipeline
from simulator.pipeline.recorder import Recorder
from simulator.report.summary import build_summary, json_safe
from simulator.rundir import RunDirectory, write_json
from simulator.scenario.fields import leaves, written
from simulator.units import format_duration
from simulator.verdict.runs import Finished, verdict
from simulator.worlds.targets import TARGETS
from simulator.worlds.targets.compare import fit_summary

if TYPE_CHECKING:
    from learners.journal import Journal
    from simulator.auction.books import Books

LIKENESS_CLICKS = 2_000_000
"""About two seconds."""


class Stopwatch:
    """Wall seconds by activity, for the summary only: nothing in a run depends on them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timing(self, activity: str) -> Iterator[None]:
        """Time what goes on inside."""
        began = perf_counter()
        yield
        self.seconds[activity] = self.seconds.get(activity, 0.0) + perf_counter() - began


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did, beside its predictions.

    Parameters
    ----------
    clicks : clicks that were served.
    costs : per method what its policy and its training cost; empty where no policy delivered.
    counts : what else the replay counted.
    sections : what the report shows besides.
    training : per method the epochs of the offline protocol.
    """

    clicks: int
    costs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    sections: Sequence[Section] = ()
    training: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_replay(
        cls, plan: Plan, recorder: Recorder, pipeline: Pipeline, learners: Mapping[str, Journal]
    ) -> Done:
        """Return what a replay did."""
        costs = {
            name: {**recorder.measured(policy), **pipeline.notes[name], **learners[name].notes()}
            for name, policy in plan.policy_of.items()
        }
        for name in plan.composed:
            costs[name] = costs_of({one: costs[one] for one in learners_of(name, plan.composed)})
        counts = {"events": pipeline.events, "events_outside_windows": pipeline.outside}
        return cls(pipeline.clicks, costs, counts, recorder.sections())


def conclude(
    plan: Plan,
    directory: RunDirectory,
    ledgers: tuple[Ledger, Ledger | None],
    done: Done,
    watch: Stopwatch,
    doubts: Sequence[Doubt] = (),
    books: Books | None = None,
) -> None:
    """Judge the predictions, of clicks and of impressions where there are any, and write metrics, summary, quarantine and
    report.
    """
    ledger, shown = ledgers
    evaluation = plan.scenario.evaluation
    with watch.timing("evaluation"):
        results = ledger.finish() if shown is None else ledger.finish().joined(shown.finish())
        intervals = paired_intervals(results, confidence=evaluation.confidence, baseline=evaluation.baseline)
        results.write_metrics(directory.metrics)
        auction, sections = None, list(done.sections)
        if books is not None:
            auction, section = books.conclude(results)
            sections.insert(0, section)
    if (plan.log.path / "quarantine.parquet").exists():
        shutil.copyfile(plan.log.path / "quarantine.parquet", directory.quarantine)
    meta = plan.log.meta
    with watch.timing("evaluation"):
        aged = by_age(plan, directory.predictions, ledger.methods)
    summary = build_summary(
        results,
        done.costs,
        {
            "read": meta.read,
            "replayed": meta.read - meta.quarantined,
            "quarantined": meta.quarantined,
            "stream_clicks": done.clicks,
            **done.counts,
        },
        watch.seconds,
        clicks_per_second=done.clicks / watch.seconds["replay"],
        intervals=intervals,
        confidence=evaluation.confidence,
        calendar=plan.calendar,
        identity=_identity(plan),
        sections=[*sections, *([aged[1]] if aged else [])],
    )
    if aged:
        summary["ageing"] = json_safe(aged[0])
    if auction is not None:
        summary["auction"] = json_safe(auction)
    if done.training:
        summary["training"] = json_safe(done.training)
    if plan.scenario.data is not None:
        summary["account"] = told(meta, plan.log.path)
    summary["feature_doubts"] = [asdict(doubt) for doubt in doubts]
    with watch.timing("likeness"):
        if (likeness := likeness_of(plan)) is not None:
            summary["likeness"] = json_safe(likeness)
    finished = Finished(summary, results.metrics, directory.predictions)
    summary["verdict"] = json_safe(verdict([finished], plan.scenario.verdict, evaluation.confidence))
    write_json(directory.summary, summary)
    if plan.scenario.output.report:
        _report(directory, summary, results)
    if plan.scenario.output.tracker is not None:
        _track(plan, directory, summary, results)


def likeness_of(plan: Plan) -> dict[str, Any] | None:
    """Lay a world beside the published facts of its preset; None for real logs, and for worlds too large to do it in
    passing (`sim.py describe --fit` does).
    """
    world = plan.scenario.world
    if world is None or plan.log.meta.clicks > LIKENESS_CLICKS:
        return None
    sheet = fact_sheet(plan.log, plan.windows, plan.calendar, intervals=True)
    return fit_summary(TARGETS[world.preset], sheet)


def _identity(plan: Plan) -> dict[str, Any]:
    scenario, timeline = plan.scenario, plan.timeline
    return {
        "name": scenario.name,
        "title": scenario.title or scenario.name,
        "description": scenario.description,
        "seed": scenario.seed,
        "config_hash": plan.identity,
        "data": plan.log.meta.name,
        "origin": plan.log.meta.origin.isoformat(),
        "time_zone": plan.log.meta.time_zone,
        "stream": {
            "start": timeline.stream_start,
            "end": timeline.stream_end,
            "segment": timeline.segment,
        },
        "tick": format_duration(plan.tick),
        "upper_bounds": plan.peeking,
        "warnings": list(plan.warnings),
    }


def _report(directory: RunDirectory, summary: dict[str, Any], results: Results) -> None:
    from simulator.report.html import write_report

    write_report(
        directory.report,
        summary=summary,
        metrics=results.metrics,
        scenario_text=directory.resolved.read_text(encoding="utf-8"),
        manifest=json.loads(directory.manifest.read_text(encoding="utf-8")),
    )


def _track(plan: Plan, directory: RunDirectory, summary: dict[str, Any], results: Results) -> None:
    from simulator.report.trackers import track

    scenario, tracker = plan.scenario, plan.scenario.output.tracker
    assert tracker is not None
    keys = {
        written(key): str(value)
        for key, value in leaves(scenario.model_dump(mode="json"))
        if value is not None
    }
    try:
        track(tracker, directory.path, directory.final.parents[1], summary, results.metrics, keys)
    except Exception as error:  # noqa: BLE001 - a server that is down must not cost the run
        warn([f'output.tracker = "{tracker}": nothing was written ({type(error).__name__}: {error})'])
