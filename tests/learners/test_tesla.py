"""TESLA: weights and ranking against slow references in float64, its estimators, and what it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.auxiliary import AUXILIARIES
from learners.auxiliary.oracle import ESTIMATES
from learners.batch import Batch
from learners.objectives import OBJECTIVES
from learners.objectives.ranking import delay_weights, pay_hours, ranking_loss, refund_hours
from simulator.errors import ScenarioError
from simulator.log.schema import ClickBatch, Labels
from simulator.logistic import expit
from simulator.units import HOUR, MINUTE

SEEDS = st.integers(0, 100_000)
NULL = np.nan


def softplus(x):
    return np.log1p(np.exp(-abs(x))) + max(x, 0.0)


def draw(seed, samples, least=1):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(least, 60))
    stage = rng.integers(0, 3, n)
    converted = np.where(stage == 0, NULL, (rng.random(n) < 0.3).astype(float))
    refunded = np.where(stage == 0, (rng.random(n) < 0.4).astype(float), NULL)
    click = rng.integers(0, 90 * HOUR, n)
    elapsed = rng.integers(0, 72 * HOUR, n)
    paid = np.where((converted == 1) & (rng.random(n) < 0.5) | (refunded == 1), rng.random(n) * elapsed, -1)
    rows = samples(
        n, converted=converted, refunded=refunded, elapsed=elapsed, event_time=click + elapsed,
        previous_time=np.where(paid < 0, -1, click + paid).astype(np.int64),
    )  # fmt: skip
    names = OBJECTIVES["tesla"].estimates + OBJECTIVES["tesla"](weights="frozen").estimates
    estimates = {name: rng.random(n) for name in names}
    logits = {head: rng.normal(0, 2, n) for head in ("cvr", "rfr")}
    return rows, logits, estimates


def weights_of(objective, stage, logit, estimates):
    if stage == "refund" and not objective.debias_refunds:
        return np.ones_like(logit), np.ones_like(logit)
    if objective.weights == "frozen":
        w = 1 + estimates[f"q_{stage}"] - estimates[f"inw_{stage}"]
        return w, w * estimates[f"tn_{stage}"]
    p = expit(logit)
    late = p * estimates[f"late_{stage}"]
    return 1 + late, (1 + late) * (1 - p) / (1 - p + late)


def run(objective, rows, logits, estimates):
    leaves = {head: torch.tensor(v, requires_grad=True) for head, v in logits.items()}
    known = {name: torch.tensor(estimates[name], requires_grad=True) for name in objective.estimates}
    loss = objective.loss(Batch(rows, known, torch.float64, step=3, seed=4), leaves)
    loss.backward()
    assert all(e.grad is None for e in known.values()), "estimates carry no gradient"
    return loss.item(), {head: leaf.grad.numpy() for head, leaf in leaves.items()}


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(["online", "frozen"]), st.booleans())
def test_weighted_losses(samples, seed, weights, debias):
    rows, logits, estimates = draw(seed, samples)
    objective = OBJECTIVES["tesla"](weights=weights, debias_refunds=debias, ranking="none")
    loss, gradient = run(objective, rows, logits, estimates)
    total = 0.0
    for stage, head, label in (("pay", "cvr", rows.converted), ("refund", "rfr", rows.refunded)):
        told, y, p = ~np.isnan(label), np.nan_to_num(label), expit(logits[head])
        plus, minus = weights_of(objective, stage, logits[head], estimates)
        total += np.sum(told * (-plus * y * np.log(p) - minus * (1 - y) * np.log1p(-p))) / len(rows)
        slopes = told * (-plus * y * (1 - p) + minus * (1 - y) * p) / len(rows)
        np.testing.assert_allclose(gradient[head], slopes, rtol=1e-9, atol=1e-14)
    assert loss == pytest.approx(total, rel=1e-9, abs=1e-12)


def slow_ranking(logit, label, hours, how, count, generator):
    """Loops over positives and their drawn negatives; returns the loss and its gradient."""
    positives, negatives = np.flatnonzero(label == 1), np.flatnonzero(label == 0)
    gradient = np.zeros(len(logit))
    if not len(positives) or not len(negatives):
        return 0.0, gradient
    p = expit(logit[negatives])
    chance = {"random": np.ones_like(p), "high": p}.get(how, 1 - p)
    drawn = torch.multinomial(
        torch.tensor(chance), len(positives) * count, replacement=True, generator=generator
    ).tolist()
    weights = [1.0] * len(positives)
    if how == "pairwise-low":
        h = hours[positives]
        middle = sorted(h)[(len(h) - 1) // 2]
        scale = max(np.std(h, ddof=1), 1.0) if len(h) > 1 else 1.0
        weights = [1 + 1 / (1 + np.exp(-(middle - x) / scale)) for x in h]
    loss = 0.0
    for i, (place, w) in enumerate(zip(positives, weights, strict=True)):
        for k in drawn[i * count : (i + 1) * count]:
            other = negatives[k]
            margin = logit[place] - logit[other]
            share = w / sum(weights) / count
            loss += share * softplus(-margin)
            gradient[place] -= share * expit(-margin)
            gradient[other] += share * expit(-margin)
    return loss, gradient


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(["random", "high", "low", "pairwise-low"]))
def test_ranking_with_the_same_draws(seed, how):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    logit, label, hours = rng.normal(0, 2, n), (rng.random(n) < 0.3).astype(float), rng.exponential(15, n)
    leaf = torch.tensor(logit, requires_grad=True)
    loss = ranking_loss(
        leaf, torch.tensor(label), torch.tensor(hours), how, 7, torch.Generator().manual_seed(seed)
    )
    loss.backward()
    expected, slopes = slow_ranking(logit, label, hours, how, 7, torch.Generator().manual_seed(seed))
    assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-14)
    np.testing.assert_allclose(leaf.grad.numpy(), slopes, rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("how", ["random", "high", "low"])
def test_how_often_a_negative_is_drawn(how):
    """One positive far below: its gradient on a negative is in proportion to how often that was drawn."""
    logit = torch.tensor([-60.0, -2.0, 0.0, 2.0], dtype=torch.float64, requires_grad=True)
    label = torch.tensor([1.0, 0.0, 0.0, 0.0])
    ranking_loss(logit, label, label, how, 40_000, torch.Generator().manual_seed(1)).backward()
    p = expit(np.array([-2.0, 0.0, 2.0]))
    chance = {"random": np.ones(3), "high": p, "low": 1 - p}[how]
    np.testing.assert_allclose(logit.grad[1:], chance / chance.sum(), atol=0.01)


def test_saturated_negatives_are_drawn_evenly():
    logit = torch.tensor([0.0, 800.0, 900.0], requires_grad=True)
    label = torch.tensor([1.0, 0.0, 0.0])
    loss = ranking_loss(logit, label, label, "low", 100, torch.Generator().manual_seed(1))
    assert 800 < loss.item() < 900


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ([5.0], [1.5]),
        ([0.1, 0.2], [1.5, 1 + 1 / (1 + np.exp(0.1))]),
        ([1.0, 5.0, 99.0], None),
    ],
)
def test_quick_positives_weigh_more(hours, expected):
    found = delay_weights(torch.tensor(hours, dtype=torch.float64)).numpy()
    if expected is not None:
        np.testing.assert_allclose(found, expected)
    assert (np.diff(found) < 0).all()
    assert ((found > 1) & (found < 2)).all()


def test_hours_of_every_row(samples):
    rows = samples(
        4,
        converted=[1, 1, NULL, 0],
        refunded=[NULL, NULL, 1, NULL],
        event_time=[10 * HOUR, 30 * HOUR, 40 * HOUR, 2 * HOUR],
        elapsed=[HOUR, 26 * HOUR, 36 * HOUR, HOUR],
        previous_time=[9 * HOUR + 15 * MINUTE, -1, 30 * HOUR, -1],
    )
    batch = Batch(rows, dtype=torch.float64)
    np.testing.assert_allclose(pay_hours(batch)[:2], [0.25, 26])
    assert refund_hours(batch)[2] == 10
    assert refund_hours(batch)[3] == 0


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from(["random", "pairwise-low"]))
def test_the_whole_loss_is_the_weighted_one_and_the_rankings(samples, seed, how):
    rows, logits, estimates = draw(seed, samples, least=20)
    options = {"negatives": 3, "refund_negatives": 2, "ranking_weight": 0.5, "refund_ranking_weight": 0.1}
    plain, slopes = run(OBJECTIVES["tesla"](ranking="none"), rows, logits, estimates)
    loss, gradient = run(OBJECTIVES["tesla"](ranking=how, **options), rows, logits, estimates)
    batch = Batch(rows, dtype=torch.float64, step=3, seed=4)
    for stage, head, label, hours, count, weight in (
        ("pay", "cvr", rows.converted, pay_hours, 3, 0.5),
        ("refund", "rfr", rows.refunded, refund_hours, 2, 0.1),
    ):
        told = ~np.isnan(label)
        ranked, ranked_slopes = slow_ranking(
            logits[head][told], label[told], hours(batch).numpy()[told], how, count,
            batch.generator(f"ranking of {stage}"),
        )  # fmt: skip
        plain += weight * ranked
        slopes[head][told] += weight * ranked_slopes
        np.testing.assert_allclose(gradient[head], slopes[head], rtol=1e-7, atol=1e-13)
    assert loss == pytest.approx(plain, rel=1e-9)


def test_draws_are_those_of_the_step(samples):
    rows, logits, estimates = draw(7, samples, least=40)
    objective = OBJECTIVES["tesla"]()

    def loss(step):
        leaves = {head: torch.tensor(v) for head, v in logits.items()}
        known = {name: torch.tensor(estimates[name]) for name in objective.estimates}
        return objective.loss(Batch(rows, known, torch.float64, step=step), leaves).item()

    assert loss(1) == loss(1) != loss(2)


LABELS = Labels(
    np.array([1, 1, 1, 1, 0], bool), np.array([1, 1, 0, 0, 0], bool), np.zeros(5), np.zeros(5),
    np.array([1, 1, 1, 1, 0], np.int32),
    np.array([5, 30, 10, 11, -1]) * MINUTE, np.array([35, 61, -1, -1, -1]) * MINUTE, np.full(5, -1),
)  # fmt: skip
CLICKS = ClickBatch(0, np.arange(5), np.zeros(5, np.int64), np.empty((5, 0), np.int32))
WINDOWS = {"window": "10m", "refund_window": "30m"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("late", {"late_pay": [0, 1, 0, 1, NULL], "late_refund": [0, 1, NULL, NULL, NULL]}),
        ("in-window-pay", {"inw_pay": [1, 0, 1, 0, 0], "tn_pay": [NULL, 0, NULL, 0, 1]}),
        ("in-window-refund", {"inw_refund": [1, 0, 0, 0, NULL], "tn_refund": [NULL, 0, 1, 1, NULL]}),
    ],
)
def test_targets_of_the_estimators(kind, expected):
    auxiliary = AUXILIARIES.parse({"kind": kind, **WINDOWS}, "auxiliary")
    targets = auxiliary.targets(CLICKS, LABELS)
    assert targets.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(targets[name].astype(float), values)


@pytest.mark.parametrize("kind", ["late", "tesla-frozen"])
def test_windows_are_those_of_the_policy(kind, resolved):
    method = {"method": "tesla", "fidelity": "paper" if kind == "late" else "reference"}
    own = resolved({**method, "policy": {"window": "1h", "refund_window": "3h"}})[0]
    assert (own.auxiliary.kind, own.auxiliary.window, own.auxiliary.refund_window) == (kind, HOUR, 3 * HOUR)
    usual = resolved(method, windows={"observation": "2h"})[0]
    assert (usual.auxiliary.window, usual.auxiliary.refund_window) == (2 * HOUR, 2 * HOUR)
    assert (usual.policy.window, usual.policy.refund_window) == (2 * HOUR, 2 * HOUR)


@pytest.mark.parametrize("stage", ["pay", "refund"])
def test_the_truth_says_the_same_to_both_fidelities(stage):
    """With exact estimates the published weights and those of the public code are the same numbers."""
    rng = np.random.default_rng(3)
    p = rng.random(20)
    columns = {f"p_{stage}": p, f"p_{stage}_observed": p * rng.random(20)}
    late, q, inside, never = (ESTIMATES[f"{name}_{stage}"][1](columns) for name in ("late", "q", "inw", "tn"))
    np.testing.assert_allclose(q - inside, p * late)
    np.testing.assert_allclose(never, (1 - p) / (1 - p + p * late))


@pytest.mark.parametrize("name", ["window", "refund_window"])
def test_the_truth_knows_one_window(name, resolved):
    assert resolved({"method": "tesla", "auxiliary": "oracle"})[0].peeks
    with pytest.raises(ScenarioError, match=rf"auxiliary.*a {name} of 1h.*\[windows\] observation"):
        resolved({"method": "tesla", "auxiliary": "oracle", "policy": {name: "1h"}})
