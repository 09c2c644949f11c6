"""Adam over the rows met so far is torch's Adam over the whole table, and serves and resumes exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.dense_adam import AdamTable
from simulator.log.schema import Feature

FEATURES = (Feature("a", 5), Feature("b", 3), Feature("c", 40))
WIDTH = 6


def table(seed: int = 0, rate: float = 0.05) -> AdamTable:
    return AdamTable(FEATURES, WIDTH // 2, rate, torch.Generator().manual_seed(seed), embeddings=2)


def batch(rng: np.random.Generator, n: int):
    return np.stack([rng.integers(0, f.cardinality, n) for f in FEATURES], axis=1).astype(np.int32)


def step(ours: AdamTable, rng: np.random.Generator, n: int = 4):
    rows = ours.rows(batch(rng, n))
    gradient = torch.from_numpy(rng.normal(size=(len(rows), WIDTH)).astype(np.float32))
    ours.update(rows, ours.gather(rows), gradient)
    return rows, gradient


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 12), decay=st.sampled_from([0.0, 0.1]))
def test_it_is_adam_over_the_whole_table(seed, n, decay):
    rng, ours = np.random.default_rng(seed), table(seed)
    theirs = torch.nn.Embedding.from_pretrained(ours.weight.clone(), freeze=False)
    optimiser = torch.optim.AdamW(theirs.parameters(), lr=0.05, weight_decay=decay)
    ours.begin(0.05, decay, fresh=True)
    for _ in range(6):
        rows, gradient = step(ours, rng, n)
        optimiser.zero_grad()
        (theirs(torch.from_numpy(rows)) * gradient).sum().backward()
        optimiser.step()
    np.testing.assert_allclose(ours.weight.numpy(), theirs.weight.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_row_goes_on_moving_and_one_never_met_stays():
    ours = table()
    before = ours.weight.clone()
    one = np.zeros(1, np.int64)
    ours.update(one, ours.gather(one), torch.ones(1, WIDTH))
    moved = ours.weight[0].clone()
    other = np.ones(1, np.int64)
    ours.update(other, ours.gather(other), torch.ones(1, WIDTH))
    assert (ours.weight[0] < moved).all(), "by its momentum"
    assert torch.equal(ours.weight[2:], before[2:])


@settings(max_examples=30, deadline=None)
@given(steps=st.integers(0, 4), seed=st.integers(0, 1000), decay=st.sampled_from([0.0, 0.1]))
def test_served_rows_are_those_published_last(steps, seed, decay):
    rng, ours = np.random.default_rng(seed), table(seed)
    step(ours, rng)
    ours.begin(0.05, decay, fresh=seed % 2 == 0)
    ours.publish()
    published = ours.weight.clone()
    for _ in range(steps):
        step(ours, rng)
    assert torch.equal(ours.served(np.arange(48)), published)
    ours.publish()
    assert torch.equal(ours.served(np.arange(48)), ours.weight)


@settings(max_examples=30, deadline=None)
@given(stop=st.integers(0, 6), publish=st.integers(0, 6), seed=st.integers(0, 1000))
def test_it_resumes_to_the_bit(stop, publish, seed):
    rng, ours, other = np.random.default_rng(seed), table(seed), table(seed)
    for each in (ours, other):
        each.begin(0.01, 0.0, fresh=False)
    step(other, np.random.default_rng(seed + 1))
    for k in range(7):
        if k == stop:
            other.load_state_dict(ours.state_dict())
            twin = np.random.default_rng()
            twin.bit_generator.state = rng.bit_generator.state
        if k >= stop:
            step(other, twin)
        step(ours, rng)
        if k == publish:
            ours.publish()
            if k >= stop:
                other.publish()
    everything = np.arange(48)
    assert torch.equal(ours.weight, other.weight)
    assert torch.equal(ours.served(everything), other.served(everything))


def test_a_state_of_another_table_is_refused():
    other = AdamTable(FEATURES[:2], WIDTH // 2, 0.05, torch.Generator(), embeddings=2)
    with pytest.raises(ValueError, match=r"shape \(8, 6\), not \(48, 6\)"):
        table().load_state_dict(other.state_dict())


def test_fresh_moments_forget_the_past():
    rng = np.random.default_rng(0)
    ours = table()
    step(ours, rng)
    ours.begin(0.05, 0.0, fresh=True)
    before = ours.weight.clone()
    other = np.full(1, 47)
    ours.update(other, ours.gather(other), torch.ones(1, WIDTH))
    assert torch.equal(ours.weight[:47], before[:47])
    np.testing.assert_allclose(before[47] - ours.weight[47], 0.05, rtol=1e-4)  # a first step: the rate itself
