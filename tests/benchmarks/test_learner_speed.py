"""The learner's budget, whatever the vocabulary, in float32 and with products in bfloat16.

A step costs at most 1.3 times its dense layers alone, and in bfloat16 at most 0.9 times the float32 dense layers alone (0.6 is
what is wanted); predictions in bfloat16 come at least at 2.5 times the rate of those in float32.
"""

from __future__ import annotations

import time
from functools import cache

import numpy as np
import pytest
import torch

from learners.learner import TorchLearner
from learners.model import Model
from learners.networks import NETWORKS
from learners.objectives import OBJECTIVES
from learners.precision import has_instructions
from learners.serve import LINKS
from simulator.learning import Clicks
from simulator.log.schema import Feature
from simulator.samples import Samples
from simulator.scenario.learner import LearnerBlock
from tests.learners.conftest import make_samples

pytestmark = pytest.mark.benchmark

FIELDS, ROWS, DIM = 22, 2_600_000, 16
LEARNER = LearnerBlock(embedding_dim=DIM)
BUDGET = {"float32": 1.3, "bfloat16": 0.9}
WANTED = 0.6
halved = pytest.mark.skipif(not has_instructions(), reason="the processor has no instructions for bfloat16")
PRECISIONS = ["float32", pytest.param("bfloat16", marks=halved)]


def features() -> tuple[Feature, ...]:
    """Two id fields with most of the rows, twenty of up to some thousands."""
    small = [int(n) for n in np.geomspace(4, 12_000, FIELDS - 2)]
    users = (ROWS - sum(small)) // 2
    sizes = [*small, users, ROWS - sum(small) - users]
    return tuple(Feature(f"f{k}", size) for k, size in enumerate(sizes))


def clicks(rng: np.random.Generator, n: int, fields: tuple[Feature, ...]) -> np.ndarray:
    skewed = rng.random((n, FIELDS)) ** 2
    return np.ascontiguousarray(skewed * [f.cardinality for f in fields], np.int32)


def labels(rng: np.random.Generator, n: int, features: np.ndarray) -> Samples:
    return make_samples(n, converted=(rng.random(n) < 0.07).astype(float), features=features)


def best(run, batches, rounds: int = 5) -> float:
    """Milliseconds of one call: the fastest round over all batches."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for batch in batches:
            run(*batch)
        times.append((time.perf_counter() - begin) / len(batches) * 1e3)
    return min(times)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def learner_of(precision: str) -> TorchLearner:
    block = LEARNER.model_copy(update={"precision": precision})
    model = Model(NETWORKS["mlp"]().completed(block), ("cvr",), features(), block, seed=1)
    return TorchLearner(model, OBJECTIVES["bce"](), LINKS["probability"]())


def dense_step(x: torch.Tensor) -> None:
    """A step of the float32 dense layers alone."""
    model = learner_of("float32")._model
    x.grad = None
    model.layers.train()
    logit = model.network.forward(model.layers, x)["cvr"]
    torch.nn.functional.binary_cross_entropy_with_logits(logit, torch.zeros(len(logit))).backward()
    model.adam.step()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("size", [512, 1024])
def test_step_against_float32_dense_layers_alone(size, precision):
    rng, learner = np.random.default_rng(0), learner_of(precision)
    batches = [(labels(rng, size, clicks(rng, size, features())),) for _ in range(20)]
    inputs = [(torch.randn(1, size, FIELDS * DIM, requires_grad=True),) for _ in range(20)]
    best(learner.learn, batches, 1)
    alternating = [(best(learner.learn, batches, 1), best(dense_step, inputs, 1)) for _ in range(7)]
    step, alone = (min(times) for times in zip(*alternating, strict=True))
    print(
        f"\nbatch {size}: step in {precision} {step:.2f} ms, float32 dense layers alone {alone:.2f} ms, "
        f"ratio {step / alone:.2f} (wanted in bfloat16: {WANTED})"
    )
    assert step / alone <= BUDGET[precision]


def asked(ids: np.ndarray, first: int) -> tuple[Clicks]:
    """Other clicks every time: who asks twice for the same is answered from memory."""
    return (Clicks(np.arange(len(ids)) + first, np.zeros(len(ids), np.int64), ids),)


@halved
def test_predictions_in_bfloat16_against_float32():
    ids = clicks(np.random.default_rng(1), 40_960, features())
    rounds: dict[str, list[float]] = {}
    for k in range(7):
        for precision in BUDGET:
            learner = learner_of(precision)
            learner.publish()
            rounds.setdefault(precision, []).append(best(learner.predict, [asked(ids, k)], 1))
    rate = {precision: len(ids) / min(times) for precision, times in rounds.items()}
    told = ", ".join(f"{precision} {found:.0f} k rows/s" for precision, found in rate.items())
    print(f"\npredictions: {told}, ratio {rate['bfloat16'] / rate['float32']:.1f}")
    assert rate["bfloat16"] >= 2.5 * rate["float32"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_prediction_and_publication(precision):
    rng, learner = np.random.default_rng(1), learner_of(precision)
    ids = clicks(rng, 40_960, features())
    learner.publish()
    questions = [asked(ids, row) for row in (0, 1)]
    clean = best(learner.predict, questions)
    for _ in range(6):
        learner.learn(labels(rng, 512, clicks(rng, 512, features())))
    stale = best(learner.predict, questions)
    publish = best(learner.publish, [()])
    clean_rate, stale_rate = (len(ids) / milliseconds for milliseconds in (clean, stale))
    print(
        f"\n{precision}: prediction {clean_rate:.0f} k rows/s, between publications {stale_rate:.0f} k rows/s"
    )
    print(f"publication {publish:.2f} ms")
    assert stale <= {"float32": 1.5, "bfloat16": 2.0}[precision] * clean
