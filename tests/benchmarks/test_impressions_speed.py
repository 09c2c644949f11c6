"""Impressions through the engine, and through training: `pytest tests/benchmarks -m benchmark -s`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.escim.estimator import Labels, Structural
from learners.escim.labeler import CounterfactualLabels
from learners.escim.scm import Autoencoder, Prior
from learners.model import Model
from learners.networks import NETWORKS
from learners.objectives import OBJECTIVES
from simulator.engine import Engine
from simulator.log.reader import Log
from simulator.log.schema import Feature, Float64
from simulator.log.writer import LogWriter
from simulator.policies import policy_from
from simulator.randomness import generator
from simulator.samples import Samples
from simulator.scenario.learner import LearnerBlock
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.learners.conftest import make_samples

IMPRESSIONS, CLICKS, DAYS = 10_000_000, 400_000, 10
WINDOWS = Windows(DAY, DAY)
ALI_CCP = (
    238635, 98, 14, 3, 8, 4, 4, 3, 5, 467298, 6929, 263942, 106399, 5888, 104830, 51878, 37148, 4,
)  # fmt: skip
"""Values of the 18 fields of Ali-CCP."""
PUBLIC = 22_000
"""Impressions per second of processor time at which the public ESCIM code trains ESMM, its loader included."""
pytestmark = pytest.mark.benchmark


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Ten million impressions, four in a hundred of them clicked."""
    out = tmp_path_factory.mktemp("materials") / "log"
    rng = generator(0, "benchmark", "impressions")
    shown = np.sort(rng.integers(0, DAYS * DAY, IMPRESSIONS))
    clicked = np.sort(rng.choice(IMPRESSIONS, CLICKS, replace=False))
    row = np.full(IMPRESSIONS, -1)
    row[clicked] = np.arange(CLICKS)
    none = np.full(IMPRESSIONS, -1, np.int8)
    with LogWriter(
        out, name="benchmark", origin=datetime(2025, 1, 1, tzinfo=UTC), features=[Feature("f", 9)]
    ) as writer:
        for size, times, write in (
            (CLICKS, shown[clicked], writer.clicks),
            (IMPRESSIONS, shown, writer.impressions),
        ):
            ids, features = np.zeros(size, np.int64), np.zeros((size, 1), np.int32)
            beside = {}
            if size == IMPRESSIONS:
                beside = {
                    "click_row": row,
                    "click_time": np.where(row >= 0, shown, -1),
                    "coin": none,
                    "paid": none,
                }
            write(time=times, user_id=ids, item_id=ids, features=features, **beside)
        writer.close(DAYS * DAY + WINDOWS.lifetime)
    return Log.open(out)


def replayed(log: Log, *, exposures: bool) -> tuple[float, int]:
    """Processor time of a replay with one policy, and how many impressions became known."""
    engine = Engine(log, WINDOWS, {"p": policy_from("fake-negative", {})}, start=0, exposures=exposures)
    began, known = time.process_time(), 0
    for until in range(HOUR, DAYS * DAY + 1, HOUR):
        tick = engine.advance(until)
        known += 0 if tick.exposures is None else len(tick.exposures)
    return time.process_time() - began, known


def test_impressions_pass_the_engine(log: Log) -> None:
    alone = min(replayed(log, exposures=False)[0] for _ in range(3))
    whole, known = min(replayed(log, exposures=True) for _ in range(3))
    rate = known / (whole - alone)
    print(f"\n{known:,} impressions: {known / whole:,.0f} a second with the clicks, {rate:,.0f} beside them")
    assert known / whole >= 5_000_000


ROWS = 8192


class Ground:
    """A model on the fields of Ali-CCP, and a batch of its impressions."""

    def __init__(self, space: str, precision: str = "float32") -> None:
        rng = np.random.default_rng(0)
        self.features = tuple(Feature(f"f{k}", size) for k, size in enumerate(ALI_CCP))
        clicked = (rng.random(ROWS) < 0.04).astype(float)
        self.ids = np.stack([rng.integers(0, size, ROWS) for size in ALI_CCP], axis=1).astype(np.int32)
        converted = clicked * (rng.random(ROWS) < 0.1)
        self.samples = make_samples(ROWS, clicked=clicked, converted=converted, features=self.ids)
        self.size = LearnerBlock.model_validate(
            {"embedding_dim": 5, "hidden": [512, 256, 128], "precision": precision}
        )
        network = NETWORKS.parse({"kind": "per-head", "tower": {"kind": "mlp", "norm": False}}, "network")
        self.objective = OBJECTIVES["entire-space"](space=space)
        self.model = Model(
            network.completed(self.size), self.objective.heads, self.features, self.size, seed=1
        )

    def step(self, labels: Callable[[Samples], Mapping[str, Float64]] = lambda _: {}) -> None:
        """Take a step, labels of unclicked impressions included."""
        estimates = {name: torch.from_numpy(values).float() for name, values in labels(self.samples).items()}
        self.model.step(
            self.ids, lambda outputs: self.objective.loss(Batch(self.samples, estimates), outputs)
        )


def fastest(steps: Mapping[str, Callable[[], None]], rounds: int = 8) -> dict[str, float]:
    """Processor seconds of each on one thread, the best of several that take turns."""
    threads, best = torch.get_num_threads(), dict.fromkeys(steps, float("inf"))
    torch.set_num_threads(1)
    try:
        for _ in range(rounds):
            for name, step in steps.items():
                began = time.process_time()
                step()
                best[name] = min(best[name], time.process_time() - began)
    finally:
        torch.set_num_threads(threads)
    return best


@pytest.mark.parametrize(("precision", "times"), [("float32", 1.5), ("bfloat16", 3.0)])
def test_esmm_trains_faster_than_the_public_code(precision: str, times: float) -> None:
    if precision == "bfloat16" and not torch.cpu._is_avx512_bf16_supported():
        pytest.skip("this processor does not multiply bfloat16")
    rate = ROWS / fastest({"esmm": Ground("esmm", precision).step})["esmm"]
    print(f"\n{precision}: {rate:,.0f} impressions a second, {rate / PUBLIC:.1f} times the public code's")
    assert rate >= times * PUBLIC


def test_labelling_what_nobody_clicked_costs_less_than_learning_it() -> None:
    esmm, escim = Ground("esmm"), Ground("escim")
    history = SimpleNamespace(log=SimpleNamespace(features=escim.features))
    materials: Any = SimpleNamespace(learner=escim.size, seed=0, history=history)
    width = 5 * len(ALI_CCP)
    scorer = Structural(
        Prior(materials, width, 1e-4), Autoencoder(materials, width, 1e-4, 5), mean=False, beta=0.5
    )
    labels = Labels(CounterfactualLabels(), scorer, 0)
    best = fastest({"esmm": esmm.step, "escim": lambda: escim.step(labels.of_samples)})
    ratio = best["escim"] / best["esmm"]
    print(f"\na step of escim-max with its labels costs {ratio:.2f} times that of esmm")
    assert ratio <= 2.5
