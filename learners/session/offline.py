"""The offline protocol: every method trains in epochs on the history, then the stream is judged once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from learners.build import build_learner
from learners.catalog import ResolvedMethod
from learners.epochs import Epoch, Trial, compared_by, train
from learners.finals import Finals
from learners.history import History
from learners.learner import TorchLearner
from learners.session.ending import Done, Stopwatch
from learners.session.plan import Plan
from simulator.calls import of_methods
from simulator.evaluation.meters import Cell, Column, Section, Table
from simulator.learning import Clicks, Predictions
from simulator.log.schema import ImpressionBatch, ImpressionLabels
from simulator.pieces import RowQueue
from simulator.pipeline.recorder import Recorder
from simulator.pipeline.shown import judged
from simulator.report import numbers
from simulator.report.progress import Progress


def train_and_judge(plan: Plan, recorder: Recorder, view: Progress, watch: Stopwatch) -> Done:
    """Train every method, and enter what it predicts of the stream, clicks and impressions.

    Raises
    ------
    RunError : there is nothing to train on, or nothing to compare epochs by.
    """
    names = [method.name for method in plan.methods]
    with ThreadPoolExecutor(plan.scenario.engine.workers, thread_name_prefix="offline") as pool:
        view.enter("training")
        with watch.timing("pretraining"):
            trained = list(pool.map(lambda method: _trained(plan, method, view), plan.methods))
        view.enter("judging")
        learners = {name: learner for name, (learner, _) in zip(names, trained, strict=True)}
        with watch.timing("replay"):
            judge = _Judge(plan, learners, recorder, pool)
            clicks = judge.clicks()
            judge.impressions()
        recorder.close()
    epochs = {name: found for name, (_, found) in zip(names, trained, strict=True)}
    told = {name: _told(learners[name], plan.scenario.stream.offline.metric, epochs[name]) for name in names}
    return Done(clicks, sections=[_section(told)], training=told)


def _trained(plan: Plan, method: ResolvedMethod, view: Progress) -> tuple[TorchLearner, list[Epoch]]:
    scenario, timeline = plan.scenario, plan.timeline
    offline, history = scenario.stream.offline, (timeline.history_start, timeline.history_end)
    net = "netgmv" in method.link.tasks and "gmv" not in method.link.tasks
    source = History(plan.log, plan.windows, *history, plan.calendar)
    finals = Finals(source, method.objective.targets, net, method.listens or "impressions")
    trial = Trial(finals, offline, method.learner, scenario.seed)

    with of_methods(method.name):
        learner = build_learner(
            method,
            log=plan.log,
            windows=plan.windows,
            history=history,
            observation=scenario.windows.observation,
            learner=method.learner,
            seed=scenario.seed,
            cache=Path(scenario.output.cache),
            calendar=plan.calendar,
            made=lambda network, heads: trial.model(network, heads, method.start),
        )

        def tell(epoch: Epoch) -> None:
            value = numbers.number(offline.metric, epoch.value)
            judged = f"validation {compared_by(learner)} {numbers.title(offline.metric)} {value}, "
            best = "the best so far" if epoch.best else "no better"
            said = judged + best if offline.validation else f"{epoch.samples:,} samples"
            view.tell(method.name, f"epoch {epoch.number} of {offline.epochs}: {said}")

        return learner, train(learner, trial, tell)


@dataclass(frozen=True, slots=True)
class _Judge:
    """Has every method predict the stream, once."""

    plan: Plan
    learners: Mapping[str, TorchLearner]
    recorder: Recorder
    pool: ThreadPoolExecutor

    def clicks(self) -> int:
        """Enter clicks with predictions and final labels; return how many there were."""
        log, line, recorder = self.plan.log, self.plan.timeline, self.recorder
        truth = RowQueue("truth", log.truth(line.stream_start)) if log.has_truth else None
        served = 0
        for batch, labels in log.labelled(self.plan.windows, line.stream_start, line.stream_end):
            stop = batch.row + len(batch)
            recorder.serve(batch.row, batch.click_id, batch.time)
            clicks = Clicks(np.arange(batch.row, stop), batch.time, batch.features)
            self._ask(self.learners, clicks, partial(self._predicted, batch.row))
            recorder.finalise(batch.row, labels, None if truth is None else truth.take(stop, batch.row))
            served += len(batch)
            recorder.advance(int(batch.time[-1]), len(batch))
        return served

    def impressions(self) -> None:
        """Enter impressions with predictions and final labels, where some method is judged on them."""
        plan, line = self.plan, self.plan.timeline
        asked = {m.name: self.learners[m.name] for m in plan.methods if plan.on_impressions(m)}
        if not asked:
            return
        truth = RowQueue("exposure", plan.log.exposure(line.stream_start)) if plan.log.has_exposure else None
        place, known = 0, True
        for batch, labels in plan.log.exposed(plan.windows, line.stream_start, line.stream_end):
            self.recorder.show(place, batch.impression_id, batch.time)
            shown = Clicks(batch.rows, batch.time, batch.features)
            self._ask(asked, shown, partial(self._predicted_shown, place))
            final = self._final(batch, labels) if known else 0
            if final:
                self.recorder.finalise_shown(judged(place, batch.rows[:final], labels[:final], truth))
            place, known = place + len(batch), final == len(batch)

    def _final(self, batch: ImpressionBatch, labels: ImpressionLabels) -> int:
        """Return how many impressions there are before the first whose label is not final when the log ends."""
        windows = self.plan.windows
        clicked, until = labels.clicked, self.plan.log.meta.observed_until
        at = np.where(clicked, batch.click_time + windows.lifetime, batch.time + windows.click)
        late = np.flatnonzero(at > until)
        return int(late[0]) if len(late) else len(batch)

    def _ask(
        self,
        learners: Mapping[str, TorchLearner],
        clicks: Clicks,
        then: Callable[[str, Predictions], None],
    ) -> None:
        def ask(name: str) -> None:
            with of_methods(name):
                then(name, learners[name].predict(clicks))

        list(self.pool.map(ask, learners))

    def _predicted(self, row: int, name: str, predictions: Predictions) -> None:
        self.recorder.predict(name, row, predictions)

    def _predicted_shown(self, place: int, name: str, predictions: Predictions) -> None:
        self.recorder.predict_shown(name, place, predictions)


def _told(learner: TorchLearner, metric: str, epochs: Sequence[Epoch]) -> dict[str, Any]:
    best = next(epoch for epoch in reversed(epochs) if epoch.best)
    return {
        "task": compared_by(learner),
        "metric": metric,
        "best": best.number,
        "epochs": [asdict(epoch) for epoch in epochs],
    }


def _section(told: dict[str, dict[str, Any]]) -> Section:
    """Show what each method's epochs reached."""
    rows = {}
    for name, training in told.items():
        epochs = training["epochs"]
        best = epochs[training["best"] - 1]
        value = numbers.number(training["metric"], best["value"])
        steps = sum(epoch["steps"] for epoch in epochs)
        rows[name] = [
            [Cell(str(len(epochs)))],
            [Cell(str(best["number"]))],
            [Cell(f"{training['task']} {numbers.title(training['metric'])} {value}")],
            [Cell(f"{steps:,}")],
        ]
    columns = [
        Column("", ("epochs",)),
        Column("", ("best",)),
        Column("on the validation share,", ("at the best",)),
        Column("", ("steps",), drop=1),
    ]
    note = (
        "Labels are final: methods that differ by their delay policy alone, or by a correction of delay, are the same here. "
        "What is judged is the model of the best epoch."
    )
    table = Table("Epochs, and what the best one reached", columns, rows)
    return Section("Training", note, tables=[table])
