"""Losses of GMV against float64 references, row by row, stop-gradients included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learners import lognormal
from learners.batch import Batch
from learners.objectives import OBJECTIVES

SEEDS = st.integers(0, 100_000)
L, E = np.log1p, np.expm1


def drawn(seed, samples):
    """Partial and final samples with amounts, counts, routes and growths of every kind."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    final = rng.random(n) < 0.4
    count = np.where(rng.random(n) < 0.5, 1, rng.integers(2, 6, n))
    roles = np.where(final, "final", "partial")
    y, previous = rng.exponential(80, n), rng.exponential(60, n)
    weight = rng.choice([1.0, 0.5], n)
    batch = samples(n, gmv=y, previous_gmv=previous, pay_count=count, role=roles, weight=weight)
    again = rng.choice([0.0, 0.05, 0.1, 0.3, 0.5, 0.72, 0.9, 1.0], n)
    towers = {"gmv_single": rng.normal(4, 1.5, n), "gmv_repurchase": rng.normal(4, 1.5, n)}
    return batch, towers, {"repurchase": again, "growth": rng.exponential(0.4, n)}


def run(objective, batch, outputs, estimates):
    leaves = {name: torch.tensor(v, dtype=torch.float64, requires_grad=True) for name, v in outputs.items()}
    known = {name: torch.tensor(v, dtype=torch.float64, requires_grad=True) for name, v in estimates.items()}
    loss = objective.loss(Batch(batch, known, torch.float64), leaves)
    loss.backward()
    assert all(e.grad is None for e in known.values()), "estimates carry no gradient"
    nothing = torch.zeros(len(batch))
    return loss.item(), {k: (nothing if v.grad is None else v.grad).numpy() for k, v in leaves.items()}


def answer(s, r, route, low=0.1, high=0.9):
    """Section 3.3, one row: the prediction in log1p space, and its slopes by both towers."""
    if route <= low:
        return s, 1.0, 0.0
    if route >= high:
        return r, 0.0, 1.0
    amount = (1 - route) * E(s) + route * E(r)
    return L(amount), (1 - route) * np.exp(s) / (1 + amount), route * np.exp(r) / (1 + amount)


def stands_for(y, growth, route, soft):
    if not soft and route <= 0.1:
        return y
    if not soft and route >= 0.9:
        return E(L(y) + growth)
    return (1 - route) * y + route * E(L(y) + growth)


def reader_step(batch, towers, estimates, finals_in_main, soft, lambda1=0.1, lambda2=0.5):
    """Section 4 of the method, one sample after the other."""
    final = batch.of_role("final")
    main, gra, plu = [], [], []
    for i in range(len(batch)):
        r0, growth, count, y = estimates["repurchase"][i], estimates["growth"][i], batch.pay_count[i], batch.gmv[i]  # fmt: skip
        route = 1.0 if count > 1 else 0.0 if final[i] else r0
        z, ds, dr = answer(towers["gmv_single"][i], towers["gmv_repurchase"][i], route)

        def error(target, z=z, ds=ds, dr=dr, i=i):
            w = batch.weight[i]
            sign = np.sign(z - L(target))
            return i, w * abs(z - L(target)), w * sign * ds, w * sign * dr

        target = y if final[i] else stands_for(y, growth, route, soft)
        if finals_in_main or not final[i]:
            main.append(error(target))
        if final[i]:
            gra.append(error(y))
            plu.append(error(stands_for(batch.previous_gmv[i], growth, 1.0 if count > 1 else r0, soft)))
    loss, slopes = 0.0, np.zeros((2, len(batch)))
    for errors, scale in ((main, 1.0), (gra, lambda1), (plu, -lambda1 * lambda2)):
        for i, e, ds, dr in errors:
            loss += scale * e / len(errors)
            slopes[:, i] += scale * np.array([ds, dr]) / len(errors)
    return loss, slopes


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.booleans(), st.booleans())
def test_reader_step(samples, seed, finals_in_main, soft):
    batch, towers, estimates = drawn(seed, samples)
    objective = OBJECTIVES["reader"](finals_in_main=finals_in_main, soft_targets=soft)
    loss, slopes = run(objective, batch, towers, estimates)
    expected, (single, repurchase) = reader_step(batch, towers, estimates, finals_in_main, soft)
    assert loss == pytest.approx(expected, rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(slopes["gmv_single"], single, atol=1e-10)
    np.testing.assert_allclose(slopes["gmv_repurchase"], repurchase, atol=1e-10)


def test_the_worked_example(samples):
    """First pay 30 at an even route and growth .2; the same as second pay; the close at 50 with growth .1."""
    batch = samples(
        3,
        gmv=[30, 30, 50],
        previous_gmv=[0, 10, 50],
        pay_count=[1, 2, 2],
        role=["partial", "partial", "final"],
    )
    estimates = {"repurchase": [0.5] * 3, "growth": [0.2, 0.2, 0.1]}
    targets = np.array([33.432, 36.864, 50.0])
    assert np.allclose([stands_for(30, 0.2, r, soft=False) for r in (0.5, 1)], targets[:2], atol=1e-3)
    at_target = {head: L(targets) for head in ("gmv_single", "gmv_repurchase")}
    loss, _ = run(OBJECTIVES["reader"](finals_in_main=True, unlearning=0), batch, at_target, estimates)
    assert loss == pytest.approx(0, abs=1e-4)
    loss, _ = run(OBJECTIVES["reader"](finals_in_main=True), batch, at_target, estimates)
    assert loss == pytest.approx(-0.1 * 0.5 * (L(55.364) - L(50)), abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_calibration_alone_and_no_empty_mean(samples, seed):
    """Without final samples GRA and PLU are 0, without partial ones the main loss is; neither is NaN."""
    batch, towers, estimates = drawn(seed, samples)
    for role in ("partial", "final"):
        batch.roles = (role,)
        batch.role[:] = 0
        loss, slopes = run(OBJECTIVES["reader"](), batch, towers, estimates)
        expected, _ = reader_step(batch, towers, estimates, finals_in_main=False, soft=True)
        assert loss == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert all(np.isfinite(slope).all() for slope in slopes.values())


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_the_joint_router_learns_from_finals_and_from_the_mixture(samples, seed):
    batch, towers, estimates = drawn(seed, samples)
    logit = np.random.default_rng(seed).normal(0, 1.5, len(batch))
    again = 1 / (1 + np.exp(-logit))
    loss, slopes = run(
        OBJECTIVES["reader-joint"](), batch, {**towers, "repurchase": logit}, {"growth": estimates["growth"]}
    )
    expected, _ = reader_step(batch, towers, {**estimates, "repurchase": again}, False, True)
    final = batch.of_role("final")
    tag = batch.pay_count > 1
    surprise = -(tag * np.log(again) + ~tag * np.log1p(-again)) * batch.weight
    total = surprise[final].sum() / max(final.sum(), 1)
    assert loss == pytest.approx(expected + total, rel=1e-9, abs=1e-12)
    told = slopes["repurchase"][final] * max(final.sum(), 1)
    np.testing.assert_allclose(told, ((again - tag) * batch.weight)[final], atol=1e-10)
    known = ~final & (tag | (again <= 0.1) | (again >= 0.9))
    assert not slopes["repurchase"][known].any(), (
        "where one tower answers, the mixture says nothing of the route"
    )


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.booleans(), st.sampled_from([(0.1, 0.9), (0.5, 0.5)]))
def test_routed_log_mae(samples, seed, balanced, zones):
    batch, towers, estimates = drawn(seed, samples)
    if (
        balanced
    ):  # the public code's class means are of true classes; who is half of each counts as paying once
        estimates["repurchase"] = np.round(2 * estimates["repurchase"]) / 2
    low, high = zones
    loss, slopes = run(
        OBJECTIVES["routed-log-mae"](balanced=balanced, low=low, high=high), batch, towers, estimates
    )
    final = batch.of_role("final")
    errors, again, single = [], [], []
    for i in range(len(batch)):
        route = 1.0 if batch.pay_count[i] > 1 else 0.0 if final[i] else estimates["repurchase"][i]
        z, ds, _ = answer(towers["gmv_single"][i], towers["gmv_repurchase"][i], route, low, high)
        errors.append(batch.weight[i] * abs(z - L(batch.gmv[i])))
        again.append(route > 0.5)
        single.append(batch.weight[i] * np.sign(z - L(batch.gmv[i])) * ds)
    errors, again, single = map(np.array, (errors, again, single))
    classes = [again, ~again] if balanced else [np.ones(len(errors), bool)]
    expected = sum(errors[of].sum() / max(of.sum(), 1) for of in classes)
    assert loss == pytest.approx(expected, rel=1e-9)
    counts = sum(of / max(of.sum(), 1) for of in classes)
    np.testing.assert_allclose(slopes["gmv_single"], single * counts, atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.floats(0.05, 0.95))
def test_quantile(samples, seed, level):
    rng = np.random.default_rng(seed)
    gmv, output = rng.exponential(50, 20), rng.normal(3, 2, 20)
    loss, slopes = run(OBJECTIVES["quantile"](level=level), samples(20, gmv=gmv), {"gmv": output}, {})
    short = L(gmv) - output
    assert loss == pytest.approx(np.where(short > 0, level * short, (level - 1) * short).mean(), rel=1e-9)
    np.testing.assert_allclose(slopes["gmv"], np.where(short > 0, -level, 1 - level) / 20, rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_value_objectives(samples, seed):
    rng = np.random.default_rng(seed)
    n = 25
    paid = rng.random(n) < rng.choice([0.0, 0.3])
    # Amounts of 0, of less than one unit of money, and ordinary ones.
    gmv = np.where(paid, (rng.exponential(50, n) + 0.01) * rng.choice([0, 0.01, 1], n), np.nan)
    batch = samples(n, converted=paid, gmv=gmv)
    logit, spread = rng.normal(-1, 1, n), rng.normal(0, 1, n)
    amount = np.maximum(rng.normal(3.5, 1, n), 0.1)  # log1p of an amount
    p = 1 / (1 + np.exp(-logit))
    surprise = -(paid * np.log(p) + ~paid * np.log1p(-p)).mean()

    loss, slopes = run(OBJECTIVES["hurdle"](), batch, {"cvr": logit, "gmv": amount}, {})
    deviance = np.where(paid, np.nan_to_num(gmv) / E(amount) + np.log(E(amount)), 0.0)
    assert loss == pytest.approx(surprise + deviance.mean(), rel=1e-9)
    assert not slopes["gmv"][~paid].any()

    loss, slopes = run(OBJECTIVES["ziln"](), batch, {"cvr": logit, "mu": amount, "spread": spread}, {})
    sigma = np.log1p(np.exp(spread)) + lognormal.LEAST_SIGMA
    some = np.nan_to_num(gmv) > 0
    standard = (np.log(np.where(some, gmv, 1.0)) - amount) / sigma
    density = np.where(some, np.log(sigma) + 0.5 * standard**2, 0.0)
    assert loss == pytest.approx(surprise + density.mean(), rel=1e-9)
    np.testing.assert_allclose(slopes["mu"], np.where(some, -standard / sigma, 0) / n, atol=1e-12)


def test_diverged_towers_stay_finite(samples):
    batch = samples(3, gmv=[10, 20, 30], pay_count=1, role="partial")
    towers = {"gmv_single": [-80.0, 90.0, 2.0], "gmv_repurchase": [-80.0, -80.0, 200.0]}
    loss, slopes = run(OBJECTIVES["reader"](), batch, towers, {"repurchase": [0.5] * 3, "growth": [0.1] * 3})
    assert np.isfinite(loss)
    assert all(np.isfinite(slope).all() for slope in slopes.values())
