"""The budget of cm-dcm: it learns the same clicks in at most 2.5 times the time of es-dfm, and serves in 1.5 times.

What it serves, a rate of the day and one of the sale, es-dfm serves by an auxiliary network (``beyond-direct``), and the budget
is of that. Beside es-dfm as it is, with one rate, the ratio is said. Tower and gates are as large whatever the trunk is: beside
the small trunk of scenarios/pre_promotion.toml the budget of serving is missed, and said too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import pytest

from learners.build import build_learner
from learners.catalog import resolve_all
from learners.kit.ground import TrialLog
from simulator.calendar import Calendar, Promotion
from simulator.learning import Clicks
from simulator.log.memory import random_log
from simulator.log.schema import Feature
from simulator.prepromotion import OUTCOMES
from simulator.scenario.model import Scenario
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.benchmarks.test_learner_speed import one_thread
from tests.learners.conftest import make_samples

__all__ = ["one_thread"]
pytestmark = pytest.mark.benchmark

SAME = {"serve": "beyond-direct", "auxiliary": {"kind": "both", "first": "delay", "second": "direct"}}
METHODS = {"es-dfm": {}, "es-dfm-both": {"method": "es-dfm", **SAME}, "cm-dcm": {}}
LEARN, SERVE = 2.5, 1.5
COUNT, LENGTH, FIELDS, BATCH, ROUNDS = 12_000, 12, 22, 512, 24
WINDOWS = Windows(DAY, DAY)
SALES = Calendar((Promotion("first", 2 * DAY, 3 * DAY, DAY), Promotion("second", 6 * DAY, 7 * DAY, DAY)))
SIZES = {"as it is shipped": {}, "in scenarios/pre_promotion.toml": {"embedding_dim": 8, "hidden": [128, 64]}}


@dataclass(frozen=True, slots=True)
class Users(TrialLog):
    """A log in memory that says whose its clicks are."""

    def ids(self):
        row = np.arange(COUNT)
        yield 0, {"user_id": row * 7 % 2_003, "item_id": row % 500}


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(0)
    fields = tuple(Feature(f"f{k}", int(n)) for k, n in enumerate(np.geomspace(4, 40_000, FIELDS)))
    ids = (rng.random((COUNT, FIELDS)) ** 2 * [field.cardinality for field in fields]).astype(np.int32)
    return replace(random_log(rng, COUNT, WINDOWS, days=LENGTH), feature_matrix=ids, features=fields)


@pytest.mark.parametrize("sizes", SIZES)
def test_cm_dcm_beside_es_dfm(log, sizes, tmp_path):
    windows = {"attribution": "1d", "refund": "1d", "observation": "1h"}
    scenario = Scenario.model_validate(
        {
            "world": {},
            "windows": windows,
            "learner": SIZES[sizes],
            "method": [{"method": name, "name": name, **parts} for name, parts in METHODS.items()],
        }
    )
    learners, fitting = {}, {}
    for method in resolve_all(scenario):
        begin = time.process_time()
        learners[method.name] = build_learner(
            method, log=Users(log, "speed"), windows=WINDOWS, history=(0, 9 * DAY), observation=HOUR,
            learner=method.learner, seed=1, cache=tmp_path / str(len(learners)), calendar=SALES,
        )  # fmt: skip
        fitting[method.name] = time.process_time() - begin
    rng = np.random.default_rng(1)
    rows = np.arange(COUNT - BATCH, COUNT)
    told = {
        name: (rng.random((ROUNDS, BATCH)) < rate).astype(float)
        for name, rate in zip(OUTCOMES, (0.05, 0.03, 0.1), strict=True)
    }
    served = Clicks(np.arange(COUNT), log.click_time, log.feature_matrix)
    spent = {what: {name: [] for name in METHODS} for what in ("learning", "serving")}
    for round_ in range(ROUNDS):  # alternating: what else the machine does falls on both alike
        batch = rows - round_ * BATCH % (COUNT // 2)
        samples = make_samples(
            BATCH,
            converted=(rng.random(BATCH) < 0.07).astype(float),
            features=log.feature_matrix[batch],
            event_time=log.click_time[batch],
            **{name: values[round_] for name, values in told.items()},
        )
        for name, one in learners.items():
            begin = time.process_time()
            one.learn(samples)
            spent["learning"][name].append(time.process_time() - begin)
            one.publish()
            begin = time.process_time()
            one.predict(served[:4096])
            spent["serving"][name].append(time.process_time() - begin)
    best = {what: {name: min(values[2:]) for name, values in of.items()} for what, of in spent.items()}
    best["fitting"] = fitting
    print(f"\n{sizes}: cm-dcm beside")
    for name in list(METHODS)[:2]:
        print(f"  {name}:", ", ".join(f"{what} {of['cm-dcm'] / of[name]:.2f}" for what, of in best.items()))
    for what in ("learning", "fitting"):
        assert best[what]["cm-dcm"] <= LEARN * best[what]["es-dfm"], what
    if sizes == "as it is shipped":
        assert best["serving"]["cm-dcm"] <= SERVE * best["serving"]["es-dfm-both"]
