"""The learner's budget: a step costs at most 1.3 times its dense layers alone, whatever the vocabulary."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from learners.learner import TorchLearner
from learners.model import Model
from learners.networks import NETWORKS
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from simulator.learning import Clicks
from simulator.log.schema import Feature
from simulator.samples import Samples
from simulator.scenario.learner import LearnerBlock
from tests.learners.conftest import make_samples

pytestmark = pytest.mark.benchmark

FIELDS, ROWS, DIM = 22, 2_600_000, 16
LEARNER = LearnerBlock(embedding_dim=DIM)


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


@pytest.fixture(scope="module")
def learner():
    network = NETWORKS["mlp"]().completed(LEARNER)
    model = Model(network, ("cvr",), features(), LEARNER, seed=1)
    return TorchLearner(model, OBJECTIVES["bce"](), LINKS["probability"]())


@pytest.mark.parametrize("size", [512, 1024])
def test_step_against_dense_layers_alone(learner, size):
    rng = np.random.default_rng(0)
    batches = [(labels(rng, size, clicks(rng, size, features())),) for _ in range(20)]
    model = learner._model
    inputs = [torch.randn(1, size, FIELDS * DIM, requires_grad=True) for _ in range(20)]
    target = torch.zeros(size)

    def dense(x):
        x.grad = None
        model.layers.train()
        logit = model.network.forward(model.layers, x)["cvr"]
        torch.nn.functional.binary_cross_entropy_with_logits(logit, target).backward()
        model.adam.step()

    best(learner.learn, batches, 1)
    alternating = [
        (best(learner.learn, batches, 1), best(dense, [(x,) for x in inputs], 1)) for _ in range(7)
    ]
    step, alone = (min(times) for times in zip(*alternating, strict=True))
    print(f"\nbatch {size}: step {step:.2f} ms, dense layers alone {alone:.2f} ms, ratio {step / alone:.2f}")
    assert step / alone <= 1.3


def test_prediction_and_publication(learner):
    rng = np.random.default_rng(1)
    ids = clicks(rng, 40_960, features())
    learner.publish()
    # Other clicks every time: who asks twice for the same is answered from memory.
    asked = [(Clicks(np.arange(len(ids)) + row, np.zeros(len(ids), np.int64), ids),) for row in (0, 1)]
    clean = best(learner.predict, asked)
    for _ in range(6):
        learner.learn(labels(rng, 512, clicks(rng, 512, features())))
    stale = best(learner.predict, asked)
    publish = best(learner.publish, [()])
    clean_rate, stale_rate = (len(ids) / milliseconds for milliseconds in (clean, stale))
    print(f"\nprediction {clean_rate:.0f} k rows/s, between publications {stale_rate:.0f} k rows/s")
    print(f"publication {publish:.2f} ms")
    assert stale <= 1.5 * clean
