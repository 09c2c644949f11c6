"""Conformance of methods: the parts fit each other, and the whole learns and serves."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from learners.build import build_learner
from learners.catalog import ResolvedMethod
from learners.kit.ground import (
    CALENDAR,
    HISTORY,
    OBSERVATION,
    WINDOWS,
    TrialLog,
    clicks_of,
    resolved,
    trial_log,
)
from learners.learner import TorchLearner
from learners.methods import METHODS, Method
from simulator.conformance import Checks
from simulator.engine import Engine
from simulator.exposures import ExposureReader
from simulator.learning import PREDICTIONS, Question
from simulator.log.schema import ROW_GROUP
from simulator.units import DAY


def checks(method: Method) -> Checks:
    """Yield the checks of a method."""
    found: list[ResolvedMethod] = []

    def parts() -> str:
        found.append(_resolved(method))
        return ""

    yield "parts", parts
    if found and not found[0].peeks:
        yield "learns and serves", lambda: _whole(found[0])


def _resolved(method: Method) -> ResolvedMethod:
    if method.name not in METHODS:
        METHODS.register(method.name)(method)
    return resolved(method=method.name)


def _whole(method: ResolvedMethod) -> str:
    with tempfile.TemporaryDirectory() as folder:
        learner = build_learner(
            method,
            log=TrialLog(trial_log(), "kit"),
            windows=WINDOWS,
            history=HISTORY,
            observation=OBSERVATION,
            learner=method.learner,
            seed=1,
            cache=Path(folder),
            calendar=CALENDAR,
        )
        return _streamed(method, learner)


def _streamed(method: ResolvedMethod, learner: TorchLearner) -> str:
    engine = Engine(
        trial_log(),
        WINDOWS,
        {"p": method.policy},
        start=HISTORY[1],
        calendar=CALENDAR,
        features=True,
        advisors={"p": learner},
    )
    clicks = clicks_of(trial_log())
    shown = ExposureReader(trial_log(), WINDOWS, HISTORY[1], features=True, batch_rows=ROW_GROUP)
    for day in range(1, 3):
        samples = engine.advance(HISTORY[1] + day * DAY, segment_end=True).samples["p"]
        exposures = shown.take(HISTORY[1] + day * DAY)
        for fed in (exposures.samples() if method.listens else samples[:0], samples):
            if len(fed):
                learner.learn(fed)
        learner.publish()
        served = learner.ask(Question(PREDICTIONS, clicks))
        for task in method.link.tasks:
            if (
                task not in served
                or np.shape(served[task]) != (len(clicks),)
                or not np.isfinite(served[task]).all()
            ):
                return f"what it serves of {task!r} is no finite number for each click"
    return ""
