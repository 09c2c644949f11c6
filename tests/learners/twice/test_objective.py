"""The losses of both clocks against their formulas, row by row, and their slopes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from learners.twice.delays import DELAYS, EDGES, RATES
from simulator.units import DAY, HOUR, MINUTE
from tests.learners.slopes import slopes_by_difference

N = 30


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    weights = np.exp(x - np.max(x))
    return weights / weights.sum()


def within(shares, age):
    """The mass of the delays up to an age: buckets one by one, even inside."""
    total, start = 0.0, 0
    for share, end in zip(shares, EDGES, strict=True):
        total += share * min(max((age - start) / (end - start), 0.0), 1.0)
        start = end
    return total


def drawn(samples):
    rng = np.random.default_rng(5)
    role = rng.choice(["click", "conversion", "final"], N)
    paid = np.where(role == "conversion", 1.0, (rng.random(N) < 0.4).astype(float))
    converted = np.where(rng.random(N) < 0.1, np.nan, paid)
    elapsed = rng.integers(MINUTE, 2 * DAY, N)
    delay = np.where(
        role == "conversion", rng.choice([5 * MINUTE, HOUR, 7 * HOUR, 40 * DAY, HOUR + 1], N), np.nan
    )
    named = np.where((role == "final") & (converted == 1), elapsed - rng.integers(0, elapsed), -1)
    weight = rng.choice([1.0, 0.5], N)
    rows = samples(
        N, converted=converted, role=role, weight=weight, elapsed=elapsed, event_time=elapsed, delay=delay,
        previous_time=named,
    )  # fmt: skip
    given = {name: rng.normal(0, 1, N) for name in RATES}
    raw = {head: rng.normal(-0.5, 1, N) for head in ("cvr", *DELAYS)}
    delay = np.where(role == "final", np.where(named >= 0, named, np.nan), delay)
    return rows, (role, converted, elapsed, delay, weight), given, raw


def slow(batch, given, raw, held):
    role, converted, elapsed, delay, weight = batch
    clicks, conversions, many, few = 0.0, 0.0, 0, 0
    for i in range(N):
        if np.isnan(converted[i]):
            continue
        p = sigmoid(raw["cvr"][i])
        offset = np.array([given[name][i] for name in RATES]) if given else 0.0
        if role[i] != "conversion":
            shares = softmax(np.array([held[head][i] for head in DELAYS]) + offset)
            seen = 1.0 if role[i] == "final" else within(shares, elapsed[i])
            chance = p * seen
            clicks -= weight[i] * np.log(chance if converted[i] else 1 - chance)
            many += 1
        if np.isfinite(delay[i]):
            shares = softmax(np.array([raw[head][i] for head in DELAYS]) + offset)
            place = next((k for k, end in enumerate(EDGES) if delay[i] <= end), len(EDGES) - 1)
            conversions -= weight[i] * np.log(shares[place])
            few += 1
    return clicks / many + conversions / few


@pytest.mark.parametrize("cohorts", [True, False])
def test_loss_and_slopes(cohorts, samples):
    rows, batch, given, raw = drawn(samples)
    given = given if cohorts else {}
    leaves = {head: torch.tensor(values, requires_grad=True) for head, values in raw.items()}
    tensors = {name: torch.from_numpy(values) for name, values in given.items()}
    objective = OBJECTIVES["two-clocks"](cohorts=cohorts)
    assert objective.estimates == (RATES if cohorts else ())
    loss = objective.loss(Batch(rows, tensors, torch.float64), leaves)
    loss.backward()
    held = {head: values.copy() for head, values in raw.items()}
    assert loss.item() == pytest.approx(slow(batch, given, raw, held), rel=1e-9)
    for head, found in slopes_by_difference(lambda: slow(batch, given, raw, held), raw).items():
        np.testing.assert_allclose(leaves[head].grad, found, atol=2e-8, err_msg=head)


def test_on_final_labels_nothing_is_taken_out():
    final = OBJECTIVES["two-clocks"]().on_finals()
    assert (final.kind, final.cohorts, final.estimates) == ("two-clocks", False, ())
