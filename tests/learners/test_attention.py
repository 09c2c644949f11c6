"""Target attention against a plain loop of its formula in float64, and in a model that serves while it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.attention import Attention, spread
from learners.embedding import EmbeddingTable
from learners.model import Model
from learners.networks import NETWORKS
from simulator.log.schema import Feature
from simulator.scenario.learner import AttentionBlock, LearnerBlock, attention_faults

FEATURES = (
    Feature("plain", 4),
    Feature("carts", 9, 4, "tags"),
    Feature("item", 9),
    Feature("pays", 6, 3, "tags"),
    Feature("labels", 5, 2, "tags"),
    Feature("category", 6),
)
BLOCKS = (
    AttentionBlock(target="item", over=("carts",), units=5),
    AttentionBlock(target="category", over=("pays",), units=3),
)
TINY = LearnerBlock(embedding_dim=3, hidden=(5,), attention=BLOCKS)


def batch(rng, n):
    columns = []
    for feature in FEATURES:
        ids = rng.integers(0, feature.cardinality, (n, feature.width))
        if feature.tags:
            ids[np.arange(feature.width) >= rng.integers(0, feature.width + 1, n)[:, None]] = -1
        columns.append(ids)
    return np.concatenate(columns, axis=1).astype(np.int32)


def weight_of(unit, tag, target):
    """v . PReLU(A e + B (e * t) + C t + b) + c."""
    a, b = np.split(unit["tag.weight"], 2, axis=1)
    hidden = a @ tag + b @ (tag * target) + unit["target.weight"] @ target + unit["tag.bias"]
    hidden = np.where(hidden > 0, hidden, unit["slope"] * hidden)
    return float(unit["last.weight"][0] @ hidden + unit["last.bias"][0])


def entries(weight, units, ids):
    """The entries of every click, one after the other."""
    offset = np.cumsum([0, *(feature.cardinality for feature in FEATURES)])
    found = []
    for row in ids:
        cut = np.split(row, np.cumsum([feature.width for feature in FEATURES])[:-1])
        of = {
            feature.name: [weight[offset[k] + i] for i in part if i >= 0]
            for k, (feature, part) in enumerate(zip(FEATURES, cut, strict=True))
        }
        weighed = {
            name: (unit, block.target)
            for unit, block in zip(units, BLOCKS, strict=True)
            for name in block.over
        }
        for feature in FEATURES:
            values = of[feature.name]
            none = np.zeros(weight.shape[1])
            if feature.name in weighed:
                unit, target = weighed[feature.name]
                found.append(sum((weight_of(unit, e, of[target][0]) * e for e in values), none))
            else:
                found.append(sum(values, none) / max(len(values), 1))
    return np.array(found)


class Doubled(EmbeddingTable):
    """Its rows are numbers in float64 that a test may move."""

    weight = None

    def gather(self, rows):
        return torch.from_numpy(self.weight.numpy().take(rows, 0))


def made(seed, embeddings=1):
    generator = torch.Generator().manual_seed(seed)
    drawn = EmbeddingTable(FEATURES, 3, 0.05, generator, embeddings, deviation=1.0)
    table = Doubled(FEATURES, 3, 0.05, generator, embeddings)
    table.weight = drawn.weight.double()
    attention = Attention(BLOCKS, FEATURES)
    return table, attention, attention.layers(3 * embeddings, generator).double()


def numbers(layers):
    return [{name: value.detach().numpy() for name, value in unit.named_parameters()} for unit in layers]


def pooled(table, attention, layers, ids):
    """Return all that a step makes of a batch, in float64."""
    cells = table.cells(ids)
    cells = replace(cells, share=cells.share.double()) if cells.share is not None else cells
    values = table.gather(cells.rows)
    lists, means = attention.lists(cells, values), cells.pooled(values).requires_grad_()
    return cells, lists, means, attention.pooled(layers, means, lists)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2), st.integers(1, 12))
def test_entries_are_those_of_the_formula(seed, embeddings, n):
    table, attention, layers = made(seed, embeddings)
    ids = batch(np.random.default_rng(seed), n)
    *_, found = pooled(table, attention, layers, ids)
    wanted = entries(table.weight.numpy(), numbers(layers), ids)
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-6, atol=1e-7)


def test_the_gradient_is_that_of_numerical_differentiation():
    rng = np.random.default_rng(3)
    table, attention, layers = made(3)
    ids, factor = batch(rng, 7), rng.normal(size=(7 * len(FEATURES), 3))

    def loss():
        return float(np.sum(np.sin(entries(table.weight.numpy(), numbers(layers), ids)) * factor))

    cells, lists, means, found = pooled(table, attention, layers, ids)
    (torch.sin(found) * torch.from_numpy(factor)).sum().backward()
    of_rows = cells.spread(means.grad)
    spread(of_rows, lists)
    gradient = torch.zeros_like(table.weight).index_add_(0, torch.from_numpy(cells.rows), of_rows)
    checked = [(table.weight, gradient), *((p.data, p.grad) for p in layers.parameters())]
    for tensor, slopes in checked:
        flat = tensor.view(-1)
        for k in range(len(flat)):
            kept = float(flat[k])
            flat[k] = kept + 1e-5
            above = loss()
            flat[k] = kept - 1e-5
            below = loss()
            flat[k] = kept
            assert float(slopes.view(-1)[k]) == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("network", ["mlp", "separate"])
def test_a_model_learns_by_its_attention_and_serves_what_was_published(network):
    rng = np.random.default_rng(2)
    model = Model(NETWORKS[network]().completed(TINY), ("cvr",), FEATURES, TINY, seed=4)
    model.publish()
    ids = batch(rng, 40)
    published = model.served_outputs(ids)["cvr"]
    before = [p.detach().clone() for p in model.layers["attention"].parameters()]
    for _ in range(30):
        model.step(batch(rng, 40), lambda out: (out["cvr"] - 0.5).square().mean())
    assert all((p != q).any() for p, q in zip(model.layers["attention"].parameters(), before, strict=True))
    np.testing.assert_array_equal(model.served_outputs(ids)["cvr"], published)
    state = model.state_dict()
    model.publish()
    now = model.served_outputs(ids)["cvr"]
    np.testing.assert_array_equal(now, model.outputs(ids)["cvr"])
    assert not np.array_equal(now, published)
    other = Model(NETWORKS[network]().completed(TINY), ("cvr",), FEATURES, TINY, seed=4)
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.served_outputs(ids)["cvr"], published)
    np.testing.assert_array_equal(other.outputs(ids)["cvr"], now)


def test_clicks_without_tags_are_those_of_a_model_without_attention():
    one, two = (
        Model(NETWORKS["mlp"]().completed(learner), ("cvr",), FEATURES, learner, seed=4)
        for learner in (TINY, TINY.model_copy(update={"attention": ()}))
    )
    ids = batch(np.random.default_rng(1), 6)
    assert not np.array_equal(one.outputs(ids)["cvr"], two.outputs(ids)["cvr"])
    ids[:, 1:5] = ids[:, 6:11] = -1
    np.testing.assert_array_equal(one.outputs(ids)["cvr"], two.outputs(ids)["cvr"])
    one.step(ids, lambda out: (out["cvr"] - 0.5).square().mean())
    assert np.isfinite(one.outputs(ids)["cvr"]).all()


def test_features_that_attention_cannot_read_are_named():
    assert attention_faults(BLOCKS, FEATURES) == []
    wrong = [
        AttentionBlock(target="itm", over=("cart",)),
        AttentionBlock(target="carts", over=("item", "pays")),
        AttentionBlock(target="item", over=("pays",)),
    ]
    told = attention_faults(wrong, FEATURES)
    assert told[0].startswith('target = "itm": unknown feature of one id a click')
    assert told[0].endswith("Did you mean 'item'?")
    assert told[1].startswith('over = "cart": unknown feature of tags')
    assert told[1].endswith("Did you mean 'carts'?")
    assert [fault.split(":")[0] for fault in told[2:]] == [
        'target = "carts"',
        'over = "item"',
        'over = "pays"',
    ]
    assert told[4].endswith("is weighed already; name it once")
