"""ESCIM's loss against the slow formula in float64, and its slopes with constants held fixed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.objectives import OBJECTIVES

N = 30


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def bce(label, q):
    return -label * np.log(q) - (1 - label) * np.log(1 - q)


@pytest.mark.parametrize("stop_gradient", [True, False])
@pytest.mark.parametrize("soft", [True, False])
def test_loss_and_slopes(samples, stop_gradient, soft):
    rng = np.random.default_rng(2)
    o = rng.choice([0.0, 0.0, 1.0], N)
    r = np.where(o == 1, rng.choice([0.0, 1.0], N), 0.0)
    v = rng.random(N) if soft else rng.choice([0.0, 1.0], N)
    raw = {head: rng.normal(-1, 1.2, N) for head in ("ctr", "cvr")}
    space = {"kind": "escim", "weight_unclicked": 0.3, "stop_gradient": stop_gradient, "clip": 0.2}
    objective = OBJECTIVES["entire-space"](space=space)
    assert objective.estimates == ("potential",)
    rows = samples(N, clicked=o, converted=r)
    leaves = {head: torch.tensor(values, requires_grad=True) for head, values in raw.items()}
    potential = torch.tensor(v, requires_grad=True)
    loss = objective.loss(Batch(rows, {"potential": potential}, torch.float64), leaves)
    loss.backward()
    assert potential.grad is None

    def slow(at):
        c, f = sigmoid(at["ctr"]), sigmoid(at["cvr"])
        basis = sigmoid((raw if stop_gradient else at)["ctr"])
        inverse = 1 / np.maximum(basis, 0.2)
        whole = np.mean(bce(o, c)) + np.mean(bce(o * r, c * f))
        whole += 0.1 * np.mean(o * inverse * bce(r, f))
        return whole + 0.3 * np.mean((inverse * bce(v, f))[o == 0])

    assert loss.item() == pytest.approx(slow(raw), rel=1e-10)
    for head in raw:
        for row in range(N):
            up, down = ({name: values.copy() for name, values in raw.items()} for _ in range(2))
            up[head][row] += 1e-6
            down[head][row] -= 1e-6
            slope = (slow(up) - slow(down)) / 2e-6
            assert leaves[head].grad[row].item() == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("clicked", [0.0, 1.0])
def test_a_batch_of_one_kind_has_a_finite_loss(samples, clicked):
    objective = OBJECTIVES["entire-space"](space="escim")
    rows = samples(4, clicked=np.full(4, clicked), converted=np.zeros(4))
    leaves = {head: torch.zeros(4, requires_grad=True) for head in ("ctr", "cvr")}
    loss = objective.loss(Batch(rows, {"potential": torch.ones(4)}), leaves)
    assert torch.isfinite(loss)
