"""What a step of an entire-space method costs, as a multiple of ESMM's."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.model import Model
from learners.networks import NETWORKS
from learners.objectives import OBJECTIVES
from simulator.log.schema import Feature
from simulator.scenario.learner import LearnerBlock
from tests.learners.conftest import make_samples

ROWS, FIELDS, ROUNDS = 8192, 18, 8
SIZE = LearnerBlock(embedding_dim=5, hidden=(512, 256, 128))
SPACES = ("esmm", "naive", "escm2-ips", "escm2-dr", "dcmt", "nise")
ALLOWED = {"mlp": 1.5, "per-head": 1.7}
"""A third tower beside two costs half as much again by itself."""


def steps(network: str) -> dict[str, float]:
    """Processor time of a step by space, the best of several that take turns."""
    rng = np.random.default_rng(0)
    features = tuple(Feature(f"f{k}", 10_000) for k in range(FIELDS))
    clicked = (rng.random(ROWS) < 0.04).astype(float)
    ids = rng.integers(0, 10_000, (ROWS, FIELDS)).astype(np.int32)
    samples = make_samples(ROWS, clicked=clicked, converted=clicked * (rng.random(ROWS) < 0.1), features=ids)
    models = {}
    for space in SPACES:
        objective = OBJECTIVES["entire-space"](space=space)
        model = Model(NETWORKS[network]().completed(SIZE), objective.heads, features, SIZE, seed=1)
        models[space] = model, objective
    best = dict.fromkeys(SPACES, np.inf)
    for _ in range(ROUNDS):
        for space, (model, objective) in models.items():
            begin = time.process_time()
            model.step(ids, lambda outputs, own=objective: own.loss(Batch(samples), outputs))
            best[space] = min(best[space], time.process_time() - begin)
    return best


@pytest.mark.benchmark
@pytest.mark.parametrize("network", ["mlp", "per-head"])
def test_a_step_costs_little_more_than_esmm(network):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = steps(network)
    finally:
        torch.set_num_threads(before)
    base = found["esmm"]
    print(
        f"{network}: {ROWS / base:,.0f} impressions a second; ",
        {k: round(v / base, 2) for k, v in found.items()},
    )
    assert found["escm2-dr"] <= ALLOWED[network] * base
