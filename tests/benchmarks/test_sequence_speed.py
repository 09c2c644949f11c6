"""The budget of sequences: a step with two of 20 costs at most 1.4 times one without, and what attention adds is said."""

from __future__ import annotations

import time

import numpy as np
import pytest

from learners.learner import TorchLearner
from learners.model import Model
from learners.networks import NETWORKS
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from simulator.log.schema import Feature
from simulator.scenario.learner import AttentionBlock
from tests.benchmarks.test_learner_speed import LEARNER, clicks, features, labels, one_thread

__all__ = ["one_thread"]
pytestmark = pytest.mark.benchmark

LAST = 20
SEQUENCES = (Feature("items", 100_000, LAST, "tags"), Feature("categories", 1_000, LAST, "tags"))
ATTENTION = (
    AttentionBlock(target="f21", over=("items",)),
    AttentionBlock(target="f10", over=("categories",)),
)


def learner(fields, attention=()):
    block = LEARNER.model_copy(update={"attention": attention})
    model = Model(NETWORKS["mlp"]().completed(block), ("cvr",), fields, block, seed=1)
    model.publish()
    return TorchLearner(model, OBJECTIVES["bce"](), LINKS["probability"]())


def with_sequences(rng, ids, mean):
    """Beside features, the latest items and categories of each user: ``mean`` of 20 on average; popularity goes as 1 / rank."""
    n = len(ids)
    length = np.minimum(rng.geometric(1 / mean, n) if mean < LAST else np.full(n, LAST), LAST)
    parts = [ids]
    for feature in SEQUENCES:
        tags = (feature.cardinality ** rng.random((n, LAST)) - 1).astype(np.int32)
        tags[np.arange(LAST) >= length[:, None]] = -1
        parts.append(tags)
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("size", [512, 1024])
def test_a_step_with_two_sequences_of_20(size):
    rng = np.random.default_rng(0)
    plain = [clicks(rng, size, features()) for _ in range(10)]
    whole = [with_sequences(rng, ids, LAST) for ids in plain]
    some = [with_sequences(rng, ids, 6) for ids in plain]
    pooled, weighed = (learner((*features(), *SEQUENCES), attention) for attention in ((), ATTENTION))
    runs = {
        "without": (learner(features()), plain),
        "mean": (pooled, whole),
        "mean of few": (pooled, some),
        "attention": (weighed, whole),
        "attention of few": (weighed, some),
    }
    batches = {name: [(labels(rng, size, ids),) for ids in told] for name, (_, told) in runs.items()}
    times = {name: [] for name in runs}
    for round_ in range(
        40
    ):  # alternating, in processor time: the fastest step of each is what it takes by itself
        for name, (one, _) in runs.items():
            if round_ % 4 and "attention" in name:
                continue
            begin = time.process_time()
            one.learn(*batches[name][round_ % len(plain)])
            times[name].append((time.process_time() - begin) * 1e3)
    step = {name: min(found[1:]) for name, found in times.items()}
    ratio = {name: found / step["without"] for name, found in step.items()}
    told = ", ".join(f"{name} {step[name]:.2f} ms ({ratio[name]:.2f})" for name in runs)
    print(f"\nbatch {size}: {told}")
    assert ratio["mean"] <= 1.4
