"""Features of several tags: the pooled table against plain loops in float64, and every method of the catalog on one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.build import build_learner
from learners.embedding import EmbeddingTable
from learners.model import Model
from learners.networks import NETWORKS
from simulator.errors import LogError
from simulator.log.schema import Feature
from simulator.scenario.learner import LearnerBlock
from tests.doubles import FakeLog
from tests.learners.ask import WITHOUT_SALES, asked

FEATURES = (Feature("a", 5), Feature("t", 6, 3, "tags"), Feature("c", 7))
TINY = LearnerBlock(embedding_dim=3, hidden=(5,))


def batch(rng, n):
    """Clicks with no tag, one, several, and the same one twice."""
    tags = rng.integers(0, 6, (n, 3))
    tags[np.arange(3) >= rng.integers(0, 4, n)[:, None]] = -1
    tags[0], tags[1 % n] = (-1, -1, -1), (2, 2, 4)
    return np.column_stack([rng.integers(0, 5, n), tags, rng.integers(0, 7, n)]).astype(np.int32)


def pooled(weight, ids):
    """The entries of every click, one after the other."""
    found = []
    for a, *tags, c in ids:
        there = [weight[5 + tag] for tag in tags if tag >= 0]
        mean = sum(there) / len(there) if there else np.zeros(weight.shape[1])
        found += [weight[a], mean, weight[11 + c]]
    return np.array(found)


class Doubled(EmbeddingTable):
    """Its rows are numbers in float64 that a test may move."""

    weight = None

    def gather(self, rows):
        return torch.from_numpy(self.weight.numpy().take(rows, 0))


def table(seed=0, embeddings=1):
    return EmbeddingTable(FEATURES, 3, 0.05, torch.Generator().manual_seed(seed), embeddings)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2), st.integers(1, 20))
def test_entries_are_the_mean_of_the_tags_that_are_there(seed, embeddings, n):
    ours, ids = table(seed, embeddings), batch(np.random.default_rng(seed), n)
    cells = ours.cells(ids)
    wanted = pooled(ours.weight.double().numpy(), ids)
    np.testing.assert_allclose(cells.pooled(ours.gather(cells.rows)).numpy(), wanted, rtol=1e-5, atol=1e-7)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_gradient_is_that_of_numerical_differentiation(seed):
    rng = np.random.default_rng(seed)
    ours, ids = Doubled(FEATURES, 3, 0.05, torch.Generator()), batch(rng, 8)
    ours.weight = table(seed).weight.double()
    factor = rng.normal(size=(24, 3))

    def loss(weight):
        return float(np.sum(np.sin(pooled(weight, ids) * 4) * factor))

    cells = ours.cells(ids)
    entries = cells.pooled(ours.gather(cells.rows)).requires_grad_()
    (torch.sin(entries * 4) * torch.from_numpy(factor)).sum().backward()
    found = (
        torch.zeros(18, 3).double().index_add_(0, torch.from_numpy(cells.rows), cells.spread(entries.grad))
    )
    weight = ours.weight.numpy()
    for row, column in np.ndindex(weight.shape):
        step = np.zeros_like(weight)
        step[row, column] = 1e-6
        slope = (loss(weight + step) - loss(weight - step)) / 2e-6
        assert float(found[row, column]) == pytest.approx(slope, rel=1e-5, abs=1e-6)


def trained(features, batches, network="mlp"):
    model = Model(NETWORKS[network]().completed(TINY), ("cvr",), features, TINY, seed=4)
    model.publish()
    for ids in batches:
        model.step(ids, lambda out: (out["cvr"] - 0.5).square().mean())
    return model


def test_the_order_of_tags_changes_nothing():
    rng = np.random.default_rng(1)
    batches = [batch(rng, 40) for _ in range(5)]
    turned = []
    for ids in batches:
        other = ids.copy()
        other[:, 1:4] = rng.permuted(ids[:, 1:4], axis=1)
        turned.append(other)
    one, two = trained(FEATURES, batches), trained(FEATURES, turned)
    assert torch.equal(one.table.weight, two.table.weight)
    np.testing.assert_array_equal(one.outputs(batches[0])["cvr"], two.outputs(turned[0])["cvr"])


@pytest.mark.parametrize("network", ["mlp", "separate"])
def test_a_feature_of_one_tag_is_a_categorical_one(network):
    rng = np.random.default_rng(2)
    plain = (Feature("a", 5), Feature("t", 6), Feature("c", 7))
    tags = (Feature("a", 5), Feature("t", 6, 1, "tags"), Feature("c", 7))
    batches = [rng.integers(0, 5, (30, 3)).astype(np.int32) for _ in range(5)]
    one, two = trained(plain, batches, network), trained(tags, batches, network)
    for get in (Model.outputs, Model.served_outputs):
        np.testing.assert_array_equal(get(one, batches[0])["cvr"], get(two, batches[0])["cvr"])
    assert torch.equal(one.table.weight, two.table.weight)
    two.publish()
    assert not np.array_equal(two.served_outputs(batches[0])["cvr"], one.served_outputs(batches[0])["cvr"])


def test_no_tags_at_all_in_a_batch_moves_no_row():
    none = np.full((4, 2), -1, np.int32)
    model = trained((Feature("t", 6, 2, "tags"),), [none])
    fresh = Model(NETWORKS["mlp"]().completed(TINY), ("cvr",), (Feature("t", 6, 2, "tags"),), TINY, seed=4)
    assert torch.equal(model.table.weight, fresh.table.weight)
    assert len(set(model.outputs(none)["cvr"])) == 1


@pytest.mark.parametrize("bad", [-2, 6])
def test_tags_outside_their_cardinality_are_refused(bad):
    with pytest.raises(LogError, match=rf"feature 't' holds id {bad}; allowed: -1 \(no tag\), 0 to 5"):
        table().cells(np.array([[0, bad, -1, -1, 0]], np.int32))


class TaggedLog(FakeLog):
    """The log of the other tests, with a feature of up to three tags before the others."""

    def __init__(self) -> None:
        super().__init__(6_000)
        rng = np.random.default_rng(8)
        tags = rng.integers(0, 9, (len(self.ids), 3))
        tags[np.arange(3) >= rng.integers(0, 4, len(tags))[:, None]] = -1
        self.ids = np.ascontiguousarray(np.concatenate([tags, self.ids], axis=1), np.int32)
        self.features = (Feature("labels", 9, 3, "tags"), *self.features)


@pytest.mark.parametrize("name", WITHOUT_SALES)
def test_every_method_trains_on_a_log_with_tags(name, one, small, samples, tmp_path, ground):
    log = TaggedLog()
    method = one.method({"method": name, "learner": small.model_dump()})
    arguments = ground.arguments(learner=small) | {"log": log, "cache": tmp_path}
    learner = build_learner(method, **arguments)
    part = slice(5_000, 5_256)
    gmv = np.where(log.converted[part], log.gmv[part], np.nan)
    before = learner.predict(asked(log.ids[part]))[learner.tasks[0]]
    learner.learn(samples(256, converted=log.converted[part], gmv=gmv, features=log.ids[part]))
    learner.publish()
    after = learner.predict(asked(log.ids[part]))[learner.tasks[0]]
    assert np.isfinite(before).all()
    assert np.isfinite(after).all()
