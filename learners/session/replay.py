"""The replay of a run's stream through its methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from learners.session.plan import Plan
from simulator.engine import Engine
from simulator.learning import Advisor
from simulator.log.source import Source
from simulator.pipeline import MethodRun, Pipeline, Stream
from simulator.pipeline.recorder import Recorder
from simulator.pipeline.shown import ShownImpressions
from simulator.policies import Policy

if TYPE_CHECKING:
    from learners.journal import Journal
    from simulator.auction.books import Books


def replay(
    plan: Plan, learners: Mapping[str, Journal], recorder: Recorder, books: Books | None = None
) -> Pipeline:
    """Replay the stream through all methods; with ``books``, each hears only of what it wins."""
    scenario, timeline, log = plan.scenario, plan.timeline, plan.log
    first = timeline.stream_start
    runs = [
        MethodRun(
            m.name,
            plan.policy_of[m.name],
            learners[m.name],
            m.learner.batch_size,
            left_over=m.learner.left_over,
            listens=m.listens,
            judged_on_impressions=bool(plan.on_impressions(m)),
            checkpoint=learners[m.name].save,
            checkpoint_every=scenario.engine.checkpoint_every,
            **plan.settings_of(m),
        )
        for m in plan.methods
    ]

    def engine(
        source: Source,
        policies: Mapping[str, Policy],
        advisors: Mapping[str, Advisor],
        listening: set[str],
    ) -> Engine:
        return Engine(
            source,
            plan.windows,
            policies,
            start=plan.replay_start,
            calendar=plan.calendar,
            features=True,
            batch_rows=scenario.engine.reader_batch,
            advisors=advisors,
            stream_start=first,
            exposures=bool(listening - {""}),
            in_slice="slice" in listening,
            causes=recorder.dumps,
        )

    loop = None
    if scenario.auction is not None and books is not None:
        from learners.session.closed import closed_loop

        listens = {m.name: m.listens for m in plan.methods}

        def own_engine(name: str, source: Source, advisors: Mapping[str, Advisor]) -> Engine:
            key = plan.policy_of[name]
            return engine(source, {key: plan.policies[key]}, advisors, {listens[name]})

        loop = closed_loop(plan, scenario.auction, books, own_engine)

    def make_engine(advisors: Mapping[str, Advisor]) -> Engine:
        if loop is not None:
            return engine(plan.source, {}, {}, set())
        return engine(plan.source, plan.policies, advisors, {m.listens for m in plan.methods})

    judged = any(plan.on_impressions(m) for m in plan.methods)
    potential = any(m.listens == "potential" for m in plan.methods)
    pipeline = Pipeline(
        make_engine,
        runs,
        Stream(first, timeline.stream_end, timeline.segment, plan.tick, log.meta.observed_until),
        recorder,
        truth=log.truth(first) if log.has_truth else None,
        shown=ShownImpressions(log, plan.windows, first, timeline.stream_end) if judged else None,
        potential=log.exposure(first - plan.windows.click) if potential else None,
        loop=loop,
        workers=scenario.engine.workers,
    )
    pipeline.run()
    return pipeline
