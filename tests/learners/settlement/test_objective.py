"""Posterior settlement's objective: its fixed point for any evidence, its slope, and that it is DFM's likelihood."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from learners.batch import Batch
from learners.objectives import OBJECTIVES

P, DELAYED = 0.20, 0.08
RIGHT = float(np.log(DELAYED / P))
"""Log likelihood ratio of silence in the observation window: .4 of those who pay are silent, all others are."""
PAID, CLOSED = np.inf, -np.inf


def slope(batch, logit: float, **parameters) -> float:
    """Return the slope of the loss in one shared logit, times the number of samples."""
    z = torch.tensor(logit, dtype=torch.float64, requires_grad=True)
    OBJECTIVES["settlement"](**parameters).loss(batch, {"cvr": z.expand(len(batch))}).backward()
    return float(z.grad) * len(batch)


def cell(samples, *steps: float):
    """Exact counts of what one cell is fed, where silence passes through these evidences before the end."""
    rows = [(P - DELAYED, PAID, np.nan), (1 - P + DELAYED, steps[0], np.nan)]
    rows += [(1 - P + DELAYED, now, previous) for previous, now in pairwise(steps)]
    rows += [(DELAYED, PAID, steps[-1]), (1 - P, CLOSED, steps[-1])]
    weight, now, previous = (np.array(column) for column in zip(*rows, strict=True))
    columns = {"evidence": now, "previous_evidence": previous, "weight": weight, "prior": -0.7}
    return Batch(samples(len(rows), converted=0.5, **columns), dtype=torch.float64)


@pytest.mark.parametrize("beliefs", ["current", "frozen"])
@pytest.mark.parametrize(
    "steps", [(-3.0,), (0.0,), (RIGHT,), (2.0,), (CLOSED,), (0.0, -0.5, 1.0), (RIGHT, RIGHT - 1)]
)
def test_the_fixed_point_is_the_truth_for_any_evidence(steps, beliefs, samples):
    batch = cell(samples, *steps)
    z = brentq(lambda logit: slope(batch, logit, beliefs=beliefs), -6, 4, xtol=1e-12)
    assert 1 / (1 + np.exp(-z)) == pytest.approx(0.2, abs=1e-9)


def test_right_evidence_has_no_push_at_the_truth_in_any_delivery(samples):
    """Not only in the sum: the first delivery and the settlement each have mean 0."""
    truth = float(np.log(P / (1 - P)))
    first = Batch(
        samples(2, converted=0.5, evidence=[PAID, RIGHT], previous_evidence=np.nan, weight=[0.12, 0.88]),
        dtype=torch.float64,
    )
    settled = Batch(
        samples(2, converted=0.5, evidence=[PAID, CLOSED], previous_evidence=RIGHT, weight=[0.08, 0.80]),
        dtype=torch.float64,
    )
    assert slope(first, truth) == pytest.approx(0, abs=1e-12)
    assert slope(settled, truth) == pytest.approx(0, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(["current", "frozen"]))
def test_slope(samples, seed, beliefs):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    logit, prior = rng.normal(-2, 2, n), rng.normal(-2, 2, n)
    evidence = rng.choice([rng.normal(0, 2), np.inf, -np.inf], n)
    previous = np.where(rng.random(n) < 0.4, np.nan, rng.normal(0, 2, n))
    weight = rng.choice([1.0, 3.5], n)
    prior[rng.random(n) < 0.2] = np.nan
    batch = samples(
        n, converted=0.3, evidence=evidence, previous_evidence=previous, weight=weight, prior=prior
    )
    leaf = torch.tensor(logit, requires_grad=True)
    OBJECTIVES["settlement"](beliefs=beliefs).loss(
        Batch(batch, dtype=torch.float64), {"cvr": leaf}
    ).backward()
    z = logit if beliefs == "current" else np.where(np.isnan(prior), logit, prior)
    with np.errstate(over="ignore"):
        now = 1 / (1 + np.exp(-(z + evidence)))
        before = np.where(np.isnan(previous), 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(-(z + previous))))
    np.testing.assert_allclose(leaf.grad.numpy(), weight * (before - now) / n, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_labels_without_evidence_are_learnt_as_they_are(samples, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    batch = samples(
        n, converted=rng.random(n), evidence=np.nan, previous_evidence=np.nan, prior=np.nan, weight=2.0
    )
    slopes = []
    for kind in ("settlement", "bce"):
        leaf = torch.tensor(np.linspace(-3, 3, n), requires_grad=True)
        OBJECTIVES[kind]().loss(Batch(batch, dtype=torch.float64), {"cvr": leaf}).backward()
        slopes.append(leaf.grad.numpy())
    np.testing.assert_allclose(*slopes, atol=1e-12)


def test_without_carts_and_calendar_it_is_dfm_in_increments(samples):
    """With exponential delays the settlements up to an age add up to the slope of DFM's log-likelihood (KDD 2014, eq. 4)."""
    rate, logit = 0.13, -1.1
    ages = np.array([0.2, 1.0, 7.0, 31.0])
    z = torch.tensor(logit, dtype=torch.float64, requires_grad=True)
    p = z.sigmoid()
    (-torch.log(1 - p + p * np.exp(-rate * ages[-1]))).backward()
    evidence = -rate * ages
    chain = samples(
        4, converted=0.1, evidence=evidence, previous_evidence=[np.nan, *evidence[:-1]], weight=1.0
    )
    assert slope(Batch(chain, dtype=torch.float64), logit) == pytest.approx(float(z.grad), abs=1e-12)
    paid = samples(
        2, converted=1.0, evidence=[evidence[0], PAID], previous_evidence=[np.nan, evidence[0]], weight=1.0
    )
    assert slope(Batch(paid, dtype=torch.float64), logit) == pytest.approx(p.item() - 1, abs=1e-12)


def test_weights_are_the_slope_and_those_of_a_click_sum_to_one(samples):
    """A first delivery is a soft label, a settlement moves weight from one side to the other; both make the loss's slope."""
    batch = cell(samples, RIGHT, RIGHT - 1)
    logit = torch.full((len(batch),), -1.2, dtype=torch.float64, requires_grad=True)
    part = OBJECTIVES["settlement"]()
    up, down = part.weights(batch, {"cvr": logit})
    first = np.isnan(batch.samples.column("previous_evidence"))
    np.testing.assert_allclose((up + down).numpy(), first.astype(float), atol=1e-12)
    part.loss(batch, {"cvr": logit}).backward()
    p = logit.detach().sigmoid()
    weight = torch.from_numpy(batch.samples.weight)
    np.testing.assert_allclose(
        (weight * (down * p - up * (1 - p))).numpy() / len(batch), logit.grad.numpy(), atol=1e-12
    )
