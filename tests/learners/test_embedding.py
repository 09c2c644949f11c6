"""The sparse table against a dense reference, and its published view."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.embedding import EmbeddingTable
from simulator.errors import LogError
from simulator.log.schema import Feature

FEATURES = (Feature("a", 5), Feature("b", 3), Feature("c", 40))


def table(embeddings: int = 1, seed: int = 0) -> EmbeddingTable:
    return EmbeddingTable(FEATURES, 4, 0.05, torch.Generator().manual_seed(seed), embeddings)


def batch(rng: np.random.Generator, n: int):
    return np.stack([rng.integers(0, f.cardinality, n) for f in FEATURES], axis=1).astype(np.int32)


def dense_step(weight, accumulator, rows, gradient, embeddings, rate=0.05):
    """Row-wise Adagrad written over the whole table, one row after the other, in float64."""
    total = np.zeros(weight.shape)
    for row, g in zip(rows, gradient, strict=True):
        total[row] += g
    for row in np.unique(rows):
        for k in range(embeddings):
            part = slice(4 * k, 4 * k + 4)
            accumulator[row, k] += np.mean(total[row, part] ** 2)
            weight[row, part] -= rate * total[row, part] / (np.sqrt(accumulator[row, k]) + 1e-10)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2), st.integers(1, 30))
def test_update_equals_dense_reference(seed, embeddings, n):
    rng = np.random.default_rng(seed)
    ours = table(embeddings, seed)
    weight, accumulator = ours.weight.double().numpy().copy(), np.zeros((48, embeddings))
    for _ in range(4):
        rows = ours.rows(batch(rng, n))
        gradient = rng.normal(size=(len(rows), 4 * embeddings)).astype(np.float32)
        ours.update(rows, ours.gather(rows), torch.from_numpy(gradient))
        dense_step(weight, accumulator, rows, gradient, embeddings)
    np.testing.assert_allclose(ours.weight.numpy(), weight, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(ours.accumulator.numpy(), accumulator, rtol=1e-4)


def test_rows_are_disjoint_per_feature():
    rows = table().rows(np.array([[0, 0, 0], [4, 2, 39]], np.int32))
    np.testing.assert_array_equal(rows, [0, 5, 8, 4, 7, 47])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([[0, 3, 0]], r"feature 'b' holds id 3; allowed: 0 to 2"),
        ([[0, 0, -1]], r"feature 'c' holds id -1; allowed: 0 to 39"),
        ([[0, 0]], r"shape \(1, 2\); allowed: \(clicks, 3\)"),
    ],
)
def test_ids_outside_their_cardinality_are_refused(ids, message):
    with pytest.raises(LogError, match=message):
        table().rows(np.array(ids, np.int32))


def test_initial_weights_are_small_and_seeded():
    one, same, other = table(seed=1), table(seed=1), table(seed=2)
    assert torch.equal(one.weight, same.weight)
    assert not torch.equal(one.weight, other.weight)
    big = EmbeddingTable((Feature("x", 20_000),), 8, 0.05, torch.Generator().manual_seed(0))
    assert abs(float(big.weight.std()) - 0.05) < 5e-4


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.booleans(), min_size=1, max_size=12))
def test_served_rows_are_those_of_the_last_publication(seed, publications):
    rng = np.random.default_rng(seed)
    ours = table(seed=seed)
    ours.publish()
    published = ours.weight.clone()
    everything = ours.rows(
        np.stack([np.arange(40) % f.cardinality for f in FEATURES], axis=1).astype(np.int32)
    )
    for publish in publications:
        rows = ours.rows(batch(rng, 6))
        gradient = rng.normal(size=(len(rows), 4)).astype(np.float32)
        ours.update(rows, ours.gather(rows), torch.from_numpy(gradient))
        if publish:
            ours.publish()
            published = ours.weight.clone()
        assert torch.equal(ours.served(everything), published[torch.from_numpy(everything)])


def test_update_does_not_allocate_in_proportion_to_the_table():
    """A step on a table of 4 million rows touches the rows of its batch and nothing else."""
    wide = EmbeddingTable((Feature("id", 4_000_000),), 2, 0.05, torch.Generator().manual_seed(0))
    before = wide.weight.clone()
    rows = wide.rows(np.array([[3], [3_999_999], [3]], np.int32))
    wide.update(rows, wide.gather(rows), torch.ones(3, 2))
    changed = torch.nonzero((wide.weight != before).any(dim=1)).flatten().tolist()
    assert changed == [3, 3_999_999]
    assert torch.nonzero(wide.accumulator.flatten()).flatten().tolist() == [3, 3_999_999]
