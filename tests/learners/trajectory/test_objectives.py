"""The losses of TRACE and GDFM against their formulas, row by row, and their slopes with what carries no gradient held."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from tests.learners.slopes import slopes_by_difference

N, H = 40, 8


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def surprised(z, e):
    """-ln sum_y p(o | y) p(y), less what does not depend on z."""
    p = sigmoid(z)
    return -np.log(1 - p + p * np.exp(e))


def bce(p, y):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def entropy(p):
    return bce(p, p) / np.log(2)


def drawn(kind, samples):
    rng = np.random.default_rng(14)
    seen = rng.integers(0, H + 1, N)
    final = rng.random(N) < 0.3
    converted = np.where(rng.random(N) < 0.15, np.nan, (rng.random(N) < 0.4).astype(float))
    weight = rng.choice([1.0, 0.5, -1.0], N, p=[0.7, 0.2, 0.1])
    given = {name: rng.uniform(0.05, 0.95, N) for name in OBJECTIVES[kind].estimates}
    for name in given:
        what, _, h = name.rpartition("_")
        if h.isdigit():
            values = rng.uniform(0.1, 2, N) if "weight" in what else rng.normal(0, 2, N)
            given[name] = values * (seen >= int(h))
    given |= {name: rng.normal(0, 2, N) for name in ("chain",) if name in given}
    rows = samples(
        N,
        converted=converted,
        weight=weight,
        role=np.where(final, "final", "open"),
        horizon=seen.astype(float),
    )
    told = ~np.isnan(converted)
    return rows, (np.where(told, converted, 0.0), np.where(told, weight, 0.0), final), given


def trace(given, batch, z, held, posterior):
    """The published total; the gate is made of ``held``."""
    y, weight, final = batch
    e = [[given[f"evidence_{h}"][i] for h in range(1, H + 1)] for i in range(N)]
    eta = [[given[f"weight_{h}"][i] for h in range(1, H + 1)] for i in range(N)]

    def believed(z, i):
        if posterior == "chain":
            return sigmoid(z[i] + given["chain"][i])
        mean = sum(a * b for a, b in zip(eta[i], e[i], strict=True)) / max(sum(eta[i]), 1e-12)
        return sigmoid(z[i] + mean)

    parts = {name: [0.0, 0.0] for name in ("trj", "sup", "con")}
    for i in range(N):
        for h in range(H):
            parts["trj"][0] += weight[i] * eta[i][h] * surprised(z[i], e[i][h])
            parts["trj"][1] += abs(weight[i]) * eta[i][h]
        if final[i]:
            parts["sup"][0] += weight[i] * bce(believed(z, i), y[i])
            parts["sup"][1] += abs(weight[i])
        else:
            q = given["completed"][i]
            w = (
                sigmoid(entropy(believed(held, i)))
                * sigmoid(1 - entropy(q))
                * sigmoid(1 - given["visible"][i])
            )
            parts["con"][0] += weight[i] * w * bce(believed(z, i), q)
            parts["con"][1] += abs(weight[i]) * w
    trj, sup, con = (total / count for total, count in parts.values())
    return trj + sup + 0.1 * con


def gdfm(given, batch, z, held, _):
    _, weight, _ = batch
    total, looks, apart = 0.0, 0, 0.0
    for i in range(N):
        for h in range(1, H + 1):
            for what in ("pay", "cart"):
                e, w = given[f"{what}_evidence_{h}"][i], given[f"{what}_weight_{h}"][i]
                total += weight[i] * w * surprised(z[i], e)
            looks += weight[i] != 0 and given[f"pay_weight_{h}"][i] > 0
        apart += weight[i] * bce(sigmoid(z[i]), given["q_cvr"][i])
    return total / looks + 0.01 * apart / np.count_nonzero(weight)


@pytest.mark.parametrize(
    ("kind", "slow", "parameters"),
    [
        ("trajectory", trace, {}),
        ("trajectory", trace, {"posterior": "chain"}),
        ("gdfm", gdfm, {}),
    ],
)
def test_loss_and_slopes(kind, slow, parameters, samples):
    rows, batch, given = drawn(kind, samples)
    raw = {"cvr": np.random.default_rng(3).normal(-1, 1.5, N)}
    leaf = torch.tensor(raw["cvr"], requires_grad=True)
    tensors = {name: torch.from_numpy(values) for name, values in given.items()}
    loss = OBJECTIVES[kind](**parameters).loss(Batch(rows, tensors, torch.float64), {"cvr": leaf})
    loss.backward()
    held, how = raw["cvr"].copy(), parameters.get("posterior", "tempered")
    assert loss.item() == pytest.approx(slow(given, batch, raw["cvr"], held, how), rel=1e-9)
    found = slopes_by_difference(lambda: slow(given, batch, raw["cvr"], held, how), raw)
    np.testing.assert_allclose(leaf.grad, found["cvr"], atol=1e-8)


@pytest.mark.parametrize("kind", ["trajectory", "gdfm"])
def test_final_labels_are_plain_cross_entropy(kind):
    assert OBJECTIVES[kind]().on_finals().kind == "bce"
