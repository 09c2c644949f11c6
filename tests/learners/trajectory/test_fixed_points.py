"""Where TRACE and GDFM settle in a world of one cell: exact counts of every look, exact evidence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from tests.learners.trajectory.cell import LOOKS, Cell, gdfm_estimates, trace_estimates

CELLS = [Cell(0.2), Cell(0.05), Cell(0.5)]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def settled(kind, cell, estimates, samples, **parameters):
    """Return the rate at which the slope of the loss is 0."""
    label, states, chance = cell.looks()
    final = states.seen == LOOKS
    so_far = np.where(final, label, np.isfinite(states.paid))
    rows = samples(
        len(label),
        converted=so_far,
        weight=chance,
        role=np.where(final, "final", "open"),
        horizon=states.seen,
    )
    tensors = {name: torch.from_numpy(values) for name, values in estimates(cell, states).items()}
    batch, objective = Batch(rows, tensors, torch.float64), OBJECTIVES[kind](**parameters)

    def slope(logit):
        leaf = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
        objective.loss(batch, {"cvr": leaf.expand(len(label))}).backward()
        return float(leaf.grad)

    return sigmoid(brentq(slope, -8, 8, xtol=1e-12))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("parameters", [{"posterior": "chain"}, {"consistency": 0.0}])
def test_bayes_rule_and_the_labels_alone_settle_at_p(cell, parameters, samples):
    assert settled("trajectory", cell, trace_estimates, samples, **parameters) == pytest.approx(
        cell.p, abs=1e-3 * cell.p
    )


def published(cell):
    """The rate at which the published losses balance: slopes of each by hand, from the lives of the cell."""
    label, states, chance = cell.looks()
    told = trace_estimates(cell, states)
    e = np.stack([told[f"evidence_{h}"] for h in range(1, LOOKS + 1)])
    eta = np.stack([told[f"weight_{h}"] for h in range(1, LOOKS + 1)])
    final, q = states.seen == LOOKS, told["completed"]

    def entropy(x):
        x = np.clip(x, 1e-9, 1 - 1e-9)
        return -(x * np.log2(x) + (1 - x) * np.log2(1 - x))

    def slope(z):
        p = sigmoid(z)
        posterior = sigmoid(z + (eta * e).sum(0) / eta.sum(0))
        trj = (chance * eta * (p - sigmoid(z + e))).sum() / (chance * eta).sum()
        sup = (chance * final * (posterior - label)).sum() / (chance * final).sum()
        w = sigmoid(entropy(posterior)) * sigmoid(1 - entropy(q)) * sigmoid(1 - states.seen / LOOKS)
        w = w * chance * ~final
        return trj + sup + 0.1 * (w * (posterior - q)).sum() / w.sum()

    return sigmoid(brentq(slope, -8, 8, xtol=1e-12))


@pytest.mark.parametrize("cell", CELLS)
def test_the_tempered_posterior_pulls_away_from_p(cell, samples):
    found = settled("trajectory", cell, trace_estimates, samples)
    assert found == pytest.approx(published(cell), abs=1e-6)
    assert found < cell.p - 1e-4


def test_how_far_the_tempered_posterior_pulls(samples):
    assert settled("trajectory", CELLS[0], trace_estimates, samples) == pytest.approx(0.1992, abs=1e-4)


@pytest.mark.parametrize("cell", CELLS)
def test_gdfm_settles_at_p_where_its_anchor_does(cell, samples):
    def right(cell, states):
        return gdfm_estimates(cell, states, cell.p)

    assert settled("gdfm", cell, right, samples) == pytest.approx(cell.p, abs=1e-3 * cell.p)


@pytest.mark.parametrize("cell", CELLS)
def test_gdfm_leans_to_a_wrong_anchor(cell, samples):
    """The slopes of both parts by hand."""
    q = 0.3
    _, states, chance = cell.looks()
    told = gdfm_estimates(cell, states, q)
    visible = (np.arange(1, LOOKS + 1) <= states.seen[:, None]).sum()

    def slope(z):
        total = 0.0
        for what in ("pay", "cart"):
            for h in range(1, LOOKS + 1):
                weight = chance * told[f"{what}_weight_{h}"]
                total += (weight * (sigmoid(z) - sigmoid(z + told[f"{what}_evidence_{h}"]))).sum()
        return total / visible + 0.01 * chance.sum() / len(chance) * (sigmoid(z) - q)

    expected = sigmoid(brentq(slope, -8, 8, xtol=1e-12))
    found = settled("gdfm", cell, lambda cell, states: gdfm_estimates(cell, states, q), samples)
    assert found == pytest.approx(expected, abs=1e-6)
    assert abs(found - q) < abs(cell.p - q)
