"""ECAD: its loss against the formulas, where it settles, its estimates, and what is served."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.auxiliary import AUXILIARIES
from learners.batch import Batch
from learners.finals import Finals
from learners.history import History
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from simulator.log.schema import ClickBatch, Labels
from simulator.units import DAY, MINUTE
from simulator.windows import Windows
from tests.learners.slopes import slopes_by_difference

N = 50
HEADS = ("cvr", "cvrfr")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def draw(samples, seed=2):
    """Rows of each kind that the policy delivers, and rows that say nothing."""
    rng = np.random.default_rng(seed)
    kinds = np.array([(0.0, np.nan), (1.0, 0.0), (1.0, 1.0), (1.0, np.nan), (np.nan, 1.0), (np.nan, np.nan)])
    converted, refunded = kinds[rng.integers(0, len(kinds), N)].T
    weight = rng.choice([1.0, 0.5], N)
    rows = samples(N, converted=converted, refunded=refunded, weight=weight)
    names = OBJECTIVES["ecad"]().estimates
    estimates = {name: rng.uniform(0.1, 0.9, N) for name in names}
    return rows, converted, refunded, weight, estimates, {head: rng.normal(-1, 1, N) for head in HEADS}


def slow(converted, refunded, weight, estimates, raw):
    total = 0.0
    for k in range(N):
        label = 0.0 if converted[k] == 0 else refunded[k]
        for head, y, name in (("cvr", converted[k], ""), ("cvrfr", label, "_refund")):
            late, never = estimates[f"p_dp{name}"][k], estimates[f"p_rn{name}"][k]
            q = sigmoid(raw[head][k])
            if y == 1:
                total -= weight[k] * (1 + late) * np.log(q)
            elif y == 0:
                total -= weight[k] * (1 + late) * never * np.log(1 - q)
    return total / N


def test_loss_and_slopes(samples):
    rows, converted, refunded, weight, estimates, raw = draw(samples)
    leaves = {head: torch.tensor(values, requires_grad=True) for head, values in raw.items()}
    given = {name: torch.tensor(values, requires_grad=True) for name, values in estimates.items()}
    loss = OBJECTIVES["ecad"]().loss(Batch(rows, given, torch.float64), leaves)
    loss.backward()
    assert all(value.grad is None for value in given.values()), "estimates carry no gradient"

    def again():
        return slow(converted, refunded, weight, estimates, raw)

    assert loss.item() == pytest.approx(again(), rel=1e-10)
    for head, found in slopes_by_difference(again, raw).items():
        np.testing.assert_allclose(leaves[head].grad, found, atol=2e-8, err_msg=head)


@pytest.mark.parametrize("kind", range(6))
def test_a_batch_of_one_kind_has_a_finite_loss(kind, samples):
    told = [(0.0, np.nan), (1.0, 0.0), (1.0, 1.0), (1.0, np.nan), (np.nan, 1.0), (np.nan, np.nan)][kind]
    rows = samples(4, converted=told[0], refunded=told[1])
    given = {name: torch.tensor([0.0, 1.0, 0.5, 1e-6]) for name in OBJECTIVES["ecad"]().estimates}
    leaves = {head: torch.tensor([-90.0, 90.0, 0.0, 5.0], requires_grad=True) for head in HEADS}
    loss = OBJECTIVES["ecad"]().loss(Batch(rows, given), leaves)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(leaf.grad).all() for leaf in leaves.values())


def settled(rows, samples, estimates, **parameters):
    """What is served where all gradients vanish; ``rows`` are (converted, refunded, count)."""
    converted, refunded, count = zip(*rows, strict=True)
    n = len(rows)
    given = {name: torch.full((n,), value, dtype=torch.float64) for name, value in estimates.items()}
    batch = Batch(samples(n, converted=converted, refunded=refunded, weight=count), given, torch.float64)
    logits = {head: torch.full((1,), -1.0, dtype=torch.float64, requires_grad=True) for head in HEADS}
    optimiser = torch.optim.LBFGS(list(logits.values()), lr=0.5, max_iter=400, tolerance_grad=1e-12)

    def closure():
        optimiser.zero_grad()
        loss = OBJECTIVES["ecad"](**parameters).loss(batch, {head: x.expand(n) for head, x in logits.items()})
        loss.backward()
        return loss

    optimiser.step(closure)
    served = LINKS["effective"]().serve({head: x.detach().numpy() for head, x in logits.items()})
    return {task: float(value[0]) for task, value in served.items()}


P, LATE, REFUNDED, LATE_REFUND = 0.20, 0.08, 0.06, 0.05
"""Rates of clicks: pay, pay after the window, pay and refund, refund after the window."""
RATES = {"cvr": P, "rfr": REFUNDED / P, "netcvr": P - REFUNDED}
STREAM = [
    (0, np.nan, 1 - (P - LATE)),
    (1, 1, REFUNDED - LATE_REFUND),
    (1, 0, P - LATE - (REFUNDED - LATE_REFUND)),
    (1, np.nan, LATE),
    (np.nan, 1, LATE_REFUND),
]
ESTIMATES = {
    "p_dp": LATE,
    "p_rn": (1 - P) / (1 - P + LATE),
    "p_dp_refund": LATE_REFUND,
    "p_rn_refund": (1 - REFUNDED) / (1 - REFUNDED + LATE_REFUND),
}


def test_late_labels_settle_at_the_rates_of_clicks(samples):
    assert settled(STREAM, samples, ESTIMATES) == pytest.approx(RATES, abs=1e-4)
    plain = settled(STREAM, samples, {}, weights="none")
    assert plain["cvr"] < P - 0.01, "without weights late labels bias"


def test_final_labels_settle_at_the_rates_of_clicks(samples, ground):
    """A final label of a click that did not convert is null in refunds, and counts as none."""
    finals = [(0, np.nan, 1 - P), (1, 1, REFUNDED), (1, 0, P - REFUNDED)]
    final = OBJECTIVES["ecad"]().on_finals()
    assert final.estimates == ()
    assert settled(finals, samples, {}, weights=final.weights) == pytest.approx(RATES, abs=1e-4)
    biases = Finals(History(ground.log, Windows(), 0, 8 * DAY), final.targets).biases(HEADS)
    known = ground.log.time < 8 * DAY
    assert sigmoid(biases["cvrfr"]) == pytest.approx(ground.log.refunded[known].mean(), abs=1e-3)


def test_estimates_of_both_delays():
    labels = Labels(
        np.array([1, 1, 1, 1, 0], bool), np.array([1, 1, 1, 0, 0], bool), np.zeros(5), np.zeros(5),
        np.array([1, 1, 1, 1, 0], np.int32),
        np.array([5, 5, 30, 11, -1]) * MINUTE, np.array([10, 11, 61, -1, -1]) * MINUTE, np.full(5, -1),
    )  # fmt: skip
    clicks = ClickBatch(0, np.arange(5), np.zeros(5, np.int64), np.empty((5, 0), np.int32))
    found = AUXILIARIES["refund-delay"](window="10m").targets(clicks, labels)
    expected = {
        "p_dp": [0, 0, 1, 1, 0],
        "p_rn": [np.nan, np.nan, 0, 0, 1],
        "p_dp_refund": [0, 1, 1, 0, 0],
        "p_rn_refund": [np.nan, 0, 0, 1, 1],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_more_refunds_than_conversions_leave_nothing():
    served = LINKS["effective"]().serve({"cvr": np.array([-3.0, -900.0]), "cvrfr": np.array([-1.0, -950.0])})
    assert served["rfr"][0] == 1
    np.testing.assert_array_equal(served["netcvr"], [0, 0])
    assert np.isfinite(served["rfr"]).all()
