"""A table in layers is a plain one, to the bit: whatever is read, moved, published, saved, loaded, copied or shared."""

from __future__ import annotations

import gc
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learners import rows as layers
from learners import tensors
from learners.dense_adam import AdamTable
from learners.embedding import EPSILON, EmbeddingTable
from learners.rows import Initial
from simulator.log.schema import Feature

DIM, RATE = 3, 0.05
SINGLE = (Feature("a", 5), Feature("b", 3), Feature("c", 40))
TAGGED = (Feature("a", 5), Feature("t", 30, width=3, kind="tags"), Feature("c", 13))


def generator(seed):
    return torch.Generator().manual_seed(seed)


@dataclass
class Plain:
    """Every row and every accumulator in a matrix of its own, and a second table that is served."""

    weight: torch.Tensor
    accumulator: torch.Tensor
    published: torch.Tensor

    @classmethod
    def drawn(cls, shape, embeddings, seed):
        weight = torch.empty(shape).normal_(0, 0.05, generator=generator(seed))
        return cls(weight, torch.zeros(len(weight), embeddings), weight.clone())

    def copied(self):
        return Plain(self.weight.clone(), self.accumulator.clone(), self.published.clone())

    def step(self, rows, gradient):
        index, inverse = np.unique(rows, return_inverse=True)
        total = torch.zeros(len(index), self.weight.shape[1]).index_add_(
            0, torch.from_numpy(inverse), gradient
        )
        split = total.view(len(index), -1, DIM)
        self.accumulator[index] += split.square().mean(2)
        pace = (self.accumulator[index].sqrt() + EPSILON).reciprocal() * -RATE
        self.weight[index] += (split * pace.unsqueeze(2)).view_as(total)


def ids(rng, n, features):
    columns = []
    for feature in features:
        low = -1 if feature.tags else 0
        # Few are met often, most hardly ever.
        columns += [
            np.maximum((rng.random(n) ** 3 * (feature.cardinality - low)).astype(np.int32) + low, low)
            for _ in range(feature.width)
        ]
    return np.stack(columns, 1)


def made(features, embeddings, seed):
    return EmbeddingTable(features, DIM, RATE, generator(seed), embeddings)


def move(rng, table, plain, features, embeddings):
    cells = table.cells(ids(rng, 7, features))
    gradient = torch.from_numpy(rng.normal(size=(len(cells.rows), embeddings * DIM)).astype(np.float32))
    table.update(cells.rows, table.gather(cells.rows), gradient)
    plain.step(cells.rows, gradient)


def pretrained(table, path):
    """Write what a table has learnt, and have it lie over the file."""
    tensors.write(path, {"table": table.moved()}, key="k")
    return over(table, path)


def over(table, path):
    state, about = tensors.read(path)
    table.start_from(state["table"], about["digest"], path.parent)
    return table


def assert_same(table, plain):
    everything = np.arange(len(table))
    assert torch.equal(table.weight, plain.weight)
    assert torch.equal(table.accumulator, plain.accumulator)
    assert torch.equal(table.served(everything), plain.published)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    embeddings=st.integers(1, 3),
    features=st.sampled_from([SINGLE, TAGGED]),
    whole=st.booleans(),
    history=st.integers(0, 4),
    acts=st.lists(st.sampled_from(["step", "publish", "save", "twin", "fresh"]), max_size=14),
)
def test_it_is_a_plain_table_to_the_bit(tmp_path_factory, seed, embeddings, features, whole, history, acts):
    """Two models over one pre-training: each is what a table of its own would be, and neither hears of the other."""
    rng, path = np.random.default_rng(seed), tmp_path_factory.mktemp("rows") / "one.safetensors"
    first, plain = made(features, embeddings, seed), None
    plain = Plain.drawn((len(first), embeddings * DIM), embeddings, seed)
    if whole:
        first.own_all()
    for _ in range(history):
        move(rng, first, plain, features, embeddings)
    pretrained(first, path)
    plain.published = plain.weight.clone()
    pairs = [[first, plain], [over(made(features, embeddings, seed), path), plain.copied()]]
    for table, _ in pairs:
        table.publish()
    assert pairs[0][0]._below is pairs[1][0]._below, "one copy of what both start from"
    for act in acts:
        pair = pairs[rng.integers(len(pairs))]
        table, plain = pair
        if act == "step":
            move(rng, table, plain, features, embeddings)
        elif act == "publish":
            table.publish()
            plain.published = plain.weight.clone()
        elif act == "save":
            pair[0] = over(made(features, embeddings, seed), path)
            pair[0].load_state_dict(table.state_dict())
        elif act == "fresh":
            table.begin(RATE, 0.0, fresh=True)
            plain.accumulator.zero_()
        elif len(pairs) < 4:
            twin = made(features, embeddings, 1 + seed)
            twin.lie_over(table)
            twin.load_state_dict(table.state_dict())
            pairs.append([twin, plain.copied()])
    for table, plain in pairs:
        assert_same(table, plain)


def test_initial_rows_are_one_draw_in_parts_and_leave_the_generator_so():
    for count, width in ((2, 3), (1000, 5), (layers.PART + 3, 3), (2 * layers.PART + 20, 1)):
        ours, theirs = generator(4), generator(4)
        initial = Initial(count, width, 0.05, ours.get_state())
        whole = torch.empty(count, width).normal_(0, 0.05, generator=theirs)
        assert np.array_equal(np.concatenate([part.copy() for _, part in initial.parts()]), whole.numpy())
        initial.drawn_by(ours)
        assert torch.equal(ours.get_state(), theirs.get_state())


def test_rows_that_nobody_moved_are_the_same_from_a_file(tmp_path, monkeypatch):
    """Initial rows of a large table go into a file without a name once there is a checkpoint over them."""
    one, other = (made(SINGLE, 2, 3) for _ in range(2))
    for table in (one, other):
        move(np.random.default_rng(0), table, Plain.drawn((48, 6), 2, 3), SINGLE, 2)
    pretrained(one, tmp_path / "one.safetensors")
    wanted = one.weight
    del one
    gc.collect()
    monkeypatch.setattr(layers, "SPOOLED", 1)
    spooled = pretrained(other, tmp_path / "other.safetensors")
    some = np.array([47, 3, 3, 20])
    assert torch.equal(spooled.gather(some), wanted[torch.from_numpy(some)])
    assert torch.equal(spooled.weight, wanted)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.safetensors", "other.safetensors"]


def test_a_checkpoint_holds_what_was_moved_and_a_state_what_the_model_moved(tmp_path):
    wide = (Feature("id", 100_000),)
    table = made(wide, 2, 0)
    table.own_all()
    plain = Plain.drawn((100_000, 6), 2, 0)
    move(np.random.default_rng(1), table, plain, wide, 2)
    path = tmp_path / "one.safetensors"
    pretrained(table, path)
    assert path.stat().st_size < 2_000
    assert len(table.state_dict()["rows"]) == 0
    before, rows = table.weight, np.array([3, 3, 50_000])
    table.update(rows, table.gather(rows), torch.ones(3, 6))
    state = table.state_dict()
    assert state["rows"].tolist() == [50_000, 3] or state["rows"].tolist() == [3, 50_000]
    assert sum(t.numel() for t in state.values() if isinstance(t, torch.Tensor)) == 2 * (1 + 6 + 2)
    assert torch.equal(over(made(wide, 2, 0), path).weight, before), "the file is nobody's to write"


@pytest.mark.parametrize("other", ["seed", "shape", "pre-training"])
def test_a_state_is_taken_only_over_the_rows_it_was_over(other, tmp_path):
    table = made(SINGLE, 2, 0)
    move(np.random.default_rng(1), table, Plain.drawn((48, 6), 2, 0), SINGLE, 2)
    path = tmp_path / "one.safetensors"
    pretrained(table, path)
    if other == "pre-training":
        with pytest.raises(ValueError, match="another pre-training"):
            made(SINGLE, 2, 0).load_state_dict(table.state_dict())
        return
    stranger = made(SINGLE, 2, 1) if other == "seed" else made(TAGGED, 1, 0)
    with pytest.raises(ValueError, match="seed" if other == "seed" else r"\(48, 6\), not \(48, 3\)"):
        over(stranger, path)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 1000), fresh=st.booleans(), decay=st.sampled_from([0.0, 0.1]), steps=st.integers(0, 3)
)
def test_adam_goes_on_over_its_pretraining(tmp_path_factory, seed, fresh, decay, steps):
    """One that starts from the file moves as the one that went on: rows with momentum, and with decay all of them."""
    path = tmp_path_factory.mktemp("adam") / "one.safetensors"
    rng = np.random.default_rng(seed)
    going, started = (AdamTable(SINGLE, DIM, RATE, generator(seed), 2) for _ in range(2))
    for _ in range(steps):
        rows = going.rows(ids(rng, 4, SINGLE))
        going.update(rows, going.gather(rows), torch.from_numpy(rng.normal(size=(len(rows), 6)).astype("f4")))
    tensors.write(path, {"table": going.moved()}, key="k")
    over(started, path)
    both = (going, started)
    for table in both:
        table.begin(0.01, decay, fresh=fresh)
        table.publish()
    for _ in range(3):
        rows = going.rows(ids(rng, 4, SINGLE))
        gradient = torch.from_numpy(rng.normal(size=(len(rows), 6)).astype("f4"))
        for table in both:
            table.update(rows, table.gather(rows), gradient)
    everything = np.arange(48)
    assert torch.equal(going.weight, started.weight)
    assert torch.equal(going.served(everything), started.served(everything))
    again = over(AdamTable(SINGLE, DIM, RATE, generator(seed), 2), path)
    again.load_state_dict(started.state_dict())
    again.begin(0.01, decay, fresh=False)
    for table in (going, again):
        table.update(rows, table.gather(rows), gradient)
    assert torch.equal(going.weight, again.weight)
