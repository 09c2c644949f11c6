"""A whole run: data, pre-training, replay, evaluation, report. What sim.py's verbs call."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learners.catalog import ResolvedMethod, resolve_all
from learners.device import check_devices
from learners.precision import recorded, settled_scenario
from learners.session.ending import Done, Stopwatch, conclude
from learners.session.ledgers import ledgers
from learners.session.plan import Plan, identity_of, plan_run, read_by
from learners.session.replay import replay
from simulator.atomic import write_text
from simulator.calls import of_methods
from simulator.commands.console import warn
from simulator.data import open_data
from simulator.errors import RunError
from simulator.log.feature_checks import doubts_of
from simulator.pipeline.recorder import Recorder
from simulator.report.progress import Progress
from simulator.rundir import RunDirectory, manifest, write_json
from simulator.scenario.load import Loaded, load_scenario
from simulator.scenario.resolve import to_toml
from simulator.units import format_duration

if TYPE_CHECKING:
    from learners.journal import Journal
    from learners.learner import TorchLearner
    from simulator.auction.books import Books

_SAME = ("afterclick", "packages", "config_hash", "seed", "threads", "data_fingerprint", "reads")
_SAME_CALLS = ("tick", "reader_batch")
"""They change no result, but the order of the calls that a checkpoint knows by their number."""


def run(loaded: Loaded, *, run_dir_base: Path, dump_samples: bool, progress: str, replace: bool) -> Path:
    """Run a scenario and return its finished run directory.

    Raises
    ------
    AfterclickError : what the user can mend; nothing half-written is left behind.
    """
    loaded, chosen = settled_scenario(loaded)
    scenario = loaded.scenario
    methods = resolve_all(scenario)
    check_devices(methods)
    watch = Stopwatch()
    # What is read tells one run from another; a world is made once its place is free.
    with watch.timing("data"):
        path = None if scenario.data is None else open_data(loaded, progress)
    identity = identity_of(scenario, methods, path)
    if chosen is not None and chosen.precision == "float32":
        warn([chosen.sentence])
    with RunDirectory.create(
        run_dir_base, scenario.name, identity, scenario.seed, replace=replace
    ) as directory:
        if path is None:
            with watch.timing("data"):
                path = open_data(loaded, progress)
        plan = plan_run(scenario, methods, path)
        precision = recorded(methods, chosen)
        write_json(directory.manifest, {**_identity(plan), **precision, "dump_samples": dump_samples})
        write_text(directory.resolved, to_toml(loaded))
        return _execute(plan, directory, watch, progress)


def resume(path: Path, progress: str) -> Path:
    """Go on with an interrupted run from its checkpoints, to the same numbers; return its finished directory.

    Raises
    ------
    RunError : there is nothing to resume, or the data or the software are not those the run began with.
    """
    with RunDirectory.reopen(path) as directory:
        began = json.loads(directory.manifest.read_text(encoding="utf-8"))
        loaded = load_scenario(directory.resolved)
        scenario, watch = loaded.scenario, Stopwatch()
        methods = resolve_all(scenario)
        check_devices(methods)
        with watch.timing("data"):
            plan = plan_run(scenario, methods, open_data(loaded, progress))
        now = _identity(plan)
        for key in (*_SAME, *_SAME_CALLS):
            if began[key] != now[key]:
                raise RunError(
                    f"{directory.path}: cannot go on to the same numbers, {key} was {began[key]} and is "
                    f"{now[key]} now. Run the scenario anew with --replace."
                )
        return _execute(plan, directory, watch, progress, resumed=True)


def _identity(plan: Plan) -> dict[str, Any]:
    scenario = plan.scenario
    return {
        **manifest(
            seed=scenario.seed,
            config_hash=plan.identity,
            threads=scenario.engine.threads,
            fingerprint=plan.log.meta.fingerprint,
        ),
        "tick": format_duration(plan.tick),
        "reader_batch": scenario.engine.reader_batch,
        "reads": read_by(plan.methods),
    }


def _execute(
    plan: Plan, directory: RunDirectory, watch: Stopwatch, progress: str, *, resumed: bool = False
) -> Path:
    """Pre-train, replay, evaluate and report into the run directory."""
    scenario, timeline = plan.scenario, plan.timeline
    doubts = doubts_of(plan.log, scenario, timeline)
    warn([*plan.warnings, *(doubt.message for doubt in doubts)])
    made = json.loads(directory.manifest.read_text(encoding="utf-8"))
    if made["dump_samples"] and scenario.offline:
        warn(
            ['--dump-samples: with stream.protocol = "offline" nothing is delivered, and nothing is written']
        )
    import torch  # not before there is something to learn from: it takes a second and 200 MB

    torch.set_num_threads(scenario.engine.threads)
    view = Progress(
        progress,
        list(plan.tasks),
        timeline.stream_start,
        timeline.stream_end,
        plan.calendar,
        origin=plan.log.meta.origin.isoformat(),
    )
    ledger, shown = ledgers(plan, directory.predictions if scenario.output.predictions else None)
    books = _books(plan, directory)
    with view:
        dumped = directory.samples if made["dump_samples"] and not scenario.offline else None
        selection = None if books is None else books.selection
        listening = [m.name for m in plan.methods if m.listens]
        recorder = Recorder(
            ledger,
            plan.policies,
            plan.policy_of,
            view,
            dumped,
            shown,
            listening=listening,
            selection=selection,
        )
        if scenario.offline:
            from learners.session.offline import train_and_judge

            done = train_and_judge(plan, recorder, view, watch)
        else:
            done = _stream(plan, directory, recorder, view, watch, resumed=resumed, books=books)
        view.enter("evaluation")
        conclude(plan, directory, (ledger, shown), done, watch, doubts, books)
        shutil.rmtree(directory.path / "checkpoints", ignore_errors=True)
    warn([] if scenario.offline else idle(plan.methods, done.costs))
    return directory.finish()


def _books(plan: Plan, directory: RunDirectory) -> Books | None:
    if plan.scenario.auction is None:
        return None
    from learners.session.closed import books_of  # it needs scipy

    return books_of(plan, plan.scenario.auction, directory.wins)


def _stream(
    plan: Plan,
    directory: RunDirectory,
    recorder: Recorder,
    view: Progress,
    watch: Stopwatch,
    *,
    resumed: bool,
    books: Books | None,
) -> Done:
    """Pre-train, then replay the stream through all methods."""
    view.enter("pre-training")
    with watch.timing("pretraining"):
        learners = prepare(plan, directory, resumed=resumed)
    view.enter("replay")
    with watch.timing("replay"):
        pipeline = replay(plan, learners, recorder, books)
    recorder.close()
    if books is not None:
        books.close()
    return Done.of_replay(plan, recorder, pipeline, learners)


def idle(methods: Sequence[ResolvedMethod], notes: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Name the methods whose segments never held a whole batch, so that nothing was learnt of what was delivered."""
    return [
        f"method {m.name!r} learnt nothing in the stream: no segment had {m.learner.batch_size} samples, and left_over = "
        '"drop" leaves out what is not a whole batch. Lower batch_size, or set left_over = "step"'
        for m in methods
        if m.learner.left_over == "drop" and m.policy.kind != "never" and not notes[m.name]["steps"]
    ]


def prepare(plan: Plan, directory: RunDirectory, *, resumed: bool) -> dict[str, Journal]:
    """Build every method's learner; methods that start from the same model wait for the one that trains it."""
    from learners.build import build_learner
    from learners.frozen import FrozenModels
    from learners.journal import Journal

    scenario, timeline, frozen = plan.scenario, plan.timeline, FrozenModels()

    log, source = plan.known
    cold = scenario.auction is not None and scenario.auction.history == "none"

    def build(method: ResolvedMethod) -> TorchLearner:
        method = replace(method, start=None) if cold else method
        with of_methods(method.name):
            return build_learner(
                method,
                log=log,
                windows=plan.windows,
                history=(timeline.history_start, timeline.history_end),
                observation=scenario.windows.observation,
                learner=method.learner,
                seed=scenario.seed,
                cache=Path(scenario.output.cache),
                calendar=plan.calendar,
                replayed=source,
                frozen=frozen,
            )

    # Those with most to pre-train go first, one of each start, so that the threads are busy with different models.
    order: list[tuple[bool, int, ResolvedMethod]] = []
    starts: set[str | None] = set()
    for method in sorted(plan.methods, key=lambda m: m.auxiliary is None):
        start = None if method.start is None else method.start.kind
        order.append((start in starts, len(order), method))
        starts.add(start)
    queue = [method for _, _, method in sorted(order, key=lambda entry: entry[:2])]
    with ThreadPoolExecutor(scenario.engine.workers, thread_name_prefix="pre-training") as pool:
        built = dict(zip((m.name for m in queue), pool.map(build, queue), strict=True))
    keep = directory.checkpoints if scenario.engine.checkpoint_every is not None or resumed else None
    return {m.name: Journal(built[m.name], keep, m.name, resume=resumed) for m in plan.methods}
