"""ESM2: its loss against probabilities, where it settles, its cart label in final samples, in the stream and by policy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.finals import Finals
from learners.history import History
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from simulator.engine import Engine
from simulator.errors import ScenarioError
from simulator.log.schema import Kind
from simulator.policies import policy_from
from simulator.samples import Samples
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.learners.slopes import slopes_by_difference
from tests.simulator.shown import told_log

N = 40
HEADS = ("ctr", "cart", "cvr_carted", "cvr_uncarted")
WINDOWS = Windows(6 * HOUR, 2 * HOUR, click=HOUR)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def draw(samples, clicked=None):
    """Impressions, carts and conversions of clicks, rows that are all of it and rows that say nothing."""
    rng = np.random.default_rng(8)
    o = rng.choice([0.0, 0.0, 1.0, np.nan], N) if clicked is None else np.full(N, clicked)
    a, r = (np.where(o == 0, 0.0, rng.choice([0.0, 1.0, np.nan], N)) for _ in range(2))
    weight = np.where(np.isnan(o), rng.choice([1.0, -1.0, 0.5], N), 1.0)
    rows = samples(N, clicked=o, converted=r, carted=a, weight=weight)
    raw = {head: rng.normal(-1.0, 1.2, N) for head in HEADS}
    return rows, o, a, r, weight, raw, {"p_dp": 0.3 * rng.random(N), "p_rn": 0.5 + 0.5 * rng.random(N)}


def slow(o, a, r, weight, raw, negatives, weight_cart=1.0, weight_carted=0.0):
    """The paper's loss row by row; ``negatives`` is what a row counts that says "not converted"."""
    total, on_carted = 0.0, []
    for k in range(N):
        y1, y2, y3, y4 = (sigmoid(raw[head][k]) for head in HEADS)
        paid = y1 * (y2 * y3 + (1 - y2) * y4)
        row = 0.0
        if o[k] == 0:
            row -= np.log(1 - y1) + weight_cart * np.log(1 - y1 * y2) + np.log(1 - paid)
        else:
            if o[k] == 1:
                row -= np.log(y1)
            if not np.isnan(a[k]):
                row -= weight_cart * np.log(y1 * y2 if a[k] else 1 - y1 * y2)
            if not np.isnan(r[k]):
                row -= np.log(paid) if r[k] else negatives[k] * np.log(1 - paid)
                if a[k] == 1:
                    on_carted.append(-weight[k] * (np.log(y3) if r[k] else negatives[k] * np.log(1 - y3)))
        total += weight[k] * row
    return total / N + weight_carted * sum(on_carted) / max(len(on_carted), 1)


@pytest.mark.parametrize("conversion", ["bce", "es-dfm"])
@pytest.mark.parametrize(
    "parameters", [{}, {"weight_carted": 0.7}, {"weight_cart": 0.3}, {"weight_cart": 0.0}]
)
def test_loss_and_slopes(parameters, conversion, samples):
    rows, o, a, r, weight, raw, estimates = draw(samples)
    objective = OBJECTIVES["entire-space"](space={"kind": "esm2", **parameters}, conversion=conversion)
    assert (objective.heads, objective.targets) == (HEADS, ("clicked", "converted", "carted"))
    leaves = {head: torch.tensor(raw[head], requires_grad=True) for head in HEADS}
    given = {name: torch.tensor(value) for name, value in estimates.items()}
    loss = objective.loss(Batch(rows, given, torch.float64), leaves)
    loss.backward()
    negatives = estimates["p_rn"] if conversion == "es-dfm" else np.ones(N)

    def again():
        return slow(o, a, r, weight, raw, negatives, **parameters)

    assert loss.item() == pytest.approx(again(), rel=1e-10)
    for head, found in slopes_by_difference(again, raw).items():
        np.testing.assert_allclose(leaves[head].grad, found, atol=2e-8, err_msg=head)


@pytest.mark.parametrize("clicked", [0.0, 1.0, np.nan])
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_a_batch_of_one_kind_has_a_finite_loss(scale, clicked, samples):
    rows, *_, raw, _ = draw(samples, clicked)
    leaves = {
        head: torch.tensor(scale * raw[head], dtype=torch.float32, requires_grad=True) for head in HEADS
    }
    loss = OBJECTIVES["entire-space"](space={"kind": "esm2", "weight_carted": 1}).loss(Batch(rows), leaves)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(leaf.grad).all() for leaf in leaves.values())


def settled(parameters, samples, *, c=0.3, cart=0.4, rates=(0.5, 0.1)):
    """What is served of a cell in which y3 and y4 are ``rates``, and y3 itself."""
    rows = [(0, 0, 0, 1 - c)]
    for carted, share, rate in zip((1, 0), (cart, 1 - cart), rates, strict=True):
        rows += [(1, carted, 1, c * share * rate), (1, carted, 0, c * share * (1 - rate))]
    clicked, carted, converted, count = zip(*rows, strict=True)
    batch = Batch(
        samples(len(rows), clicked=clicked, carted=carted, converted=converted, weight=count),
        {},
        torch.float64,
    )
    logits = {head: torch.full((1,), -1.0, dtype=torch.float64, requires_grad=True) for head in HEADS}
    objective = OBJECTIVES["entire-space"](space={"kind": "esm2", **parameters})
    optimiser = torch.optim.LBFGS(list(logits.values()), lr=0.5, max_iter=600, tolerance_grad=1e-10)

    def closure():
        optimiser.zero_grad()
        loss = objective.loss(batch, {head: logit.expand(len(rows)) for head, logit in logits.items()})
        loss.backward()
        return loss

    optimiser.step(closure)
    outputs = {head: logit.detach().numpy() for head, logit in logits.items()}
    served = {task: float(value[0]) for task, value in LINKS["esm2"]().serve(outputs).items()}
    return served, float(sigmoid(outputs["cart"])[0]), float(sigmoid(outputs["cvr_carted"])[0])


def test_it_settles_at_the_rates_of_clicks_and_carts(samples):
    served, cart, carted = settled({}, samples)
    rate = 0.4 * 0.5 + 0.6 * 0.1
    assert (served["ctr"], served["cvr"], served["ctcvr"], cart) == pytest.approx(
        (0.3, rate, 0.3 * rate, 0.4), abs=1e-4
    )
    assert abs(carted - 0.5) > 0.1, "one cell does not tell the two paths apart"
    told = settled({"weight_carted": 1.0}, samples)
    assert (told[0]["cvr"], told[1], told[2]) == pytest.approx((rate, 0.4, 0.5), abs=1e-3)


def carts(log, row, time, windows):
    """Whether a click was carted, event by event."""
    mine = (log.event.row == row) & (log.event.kind == Kind.CART)
    return any(0 <= at - time <= windows.longest_pay for at in log.event.time[mine])


def test_final_samples_tell_who_carted():
    log = told_log(4, WINDOWS, clicks=400, days=4)
    finals = Finals(History(log, WINDOWS, 0, 3 * DAY), ("clicked", "converted", "carted"))
    found = Samples.concatenate(list(finals.samples()))
    carted, clicked = found.column("carted"), found.column("clicked") == 1
    assert 20 < carted.sum() < clicked.sum() - 20
    assert (carted[~clicked] == 0).all()
    for k in np.flatnonzero(clicked):
        assert carted[k] == carts(log, found.row[k], found.click_time[k], WINDOWS)
    biases = finals.biases(HEADS)
    rate = found.converted[carted == 1].mean()
    assert biases["cart"] == pytest.approx(
        np.log(carted[clicked].mean() / (1 - carted[clicked].mean())), abs=0.05
    )
    assert biases["cvr_carted"] == pytest.approx(np.log(rate / (1 - rate)), abs=0.1)


@pytest.mark.parametrize("how", ["slice", "potential"])
def test_of_the_clicks_of_a_coin_no_cart_is_known(how):
    log = told_log(4, WINDOWS, clicks=400, days=4)
    finals = Finals(History(log, WINDOWS, 0, 3 * DAY), ("clicked", "converted", "carted"), which=how)
    found = Samples.concatenate(list(finals.samples()))
    untold = np.isnan(found.column("carted"))
    np.testing.assert_array_equal(untold, np.isnan(found.column("clicked")) | np.isnan(found.converted))
    assert untold.any() == (how == "slice")


def test_the_policy_tells_who_carted():
    log = told_log(5, WINDOWS, clicks=300, days=3)
    policies = {kind: policy_from(kind) for kind in ("complete", "with-carts")}
    plain, found = Engine(log, WINDOWS, policies, start=0).advance(5 * DAY).samples.values()
    np.testing.assert_array_equal(found.row, plain.row)
    np.testing.assert_array_equal(found.converted, plain.converted)
    assert plain.carried == {}
    assert len(found) == len(log.click_time)
    for row, time, carted in zip(found.row, found.click_time, found.column("carted"), strict=True):
        assert carted == carts(log, row, time, WINDOWS)


def test_a_policy_without_carts_is_refused(one):
    with pytest.raises(
        ScenarioError,
        match=r"delivers converted, refunded, gmv, but .* learns from carted; allowed: with-carts",
    ):
        one.method({"method": "esm2", "policy": "complete"})
