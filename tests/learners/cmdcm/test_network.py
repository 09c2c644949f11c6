"""A tower beside a frozen trunk: gates of 1 at the start, and nothing of the everyday model moves."""

import numpy as np
import pytest
import torch

from learners.model import Model
from learners.networks import NETWORKS
from simulator.errors import ScenarioError
from simulator.log.schema import Feature
from simulator.scenario.learner import LearnerBlock

LEARNER = LearnerBlock(embedding_dim=4, hidden=(8, 6))
FEATURES = tuple(Feature(name, 10) for name in ("user", "price", "day"))
HEADS = ("direct", "cart", "delay")


def network(**given):
    return NETWORKS.parse(
        {"kind": "gated-delay", "tower": [5, 4], "rate": 0.03, **given}, "network"
    ).completed(LEARNER)


def features(n=64, seed=0):
    return np.random.default_rng(seed).integers(0, 10, (n, 3)).astype(np.int32)


def made(part, everyday=False):
    model = Model(part.pretraining(), HEADS, FEATURES, LEARNER, seed=4)
    if not everyday:
        model.network = part.reading(FEATURES)
    return model


def pull(heads):
    return lambda outputs: sum((outputs[head] - 1).square().mean() for head in heads)


def test_gates_are_exactly_one_at_the_start_and_move_after():
    part = network().reading(FEATURES)
    model = Model(part, HEADS, FEATURES, LEARNER, seed=4)
    read = torch.randn(20, 6 + 12, generator=torch.Generator().manual_seed(1))
    gates = part.gates(model.layers, read)
    assert [gate.shape for gate in gates] == [(20, 18), (20, 5)]
    assert all((gate == 1).all() for gate in gates)
    for _ in range(3):
        model.step(features(), pull(["delay"]))
    assert any((gate != 1).any() for gate in part.gates(model.layers, read))
    plain = Model(network(gate=False).reading(FEATURES), HEADS, FEATURES, LEARNER, seed=4)
    assert not len(plain.layers["gates"])
    assert [layer.in_features for layer in plain.layers["tower"]] == [18, 5]
    assert np.isfinite(plain.outputs(features())["delay"]).all()


def test_the_tower_starts_at_its_rate():
    said = made(network()).outputs(features())["delay"]
    np.testing.assert_allclose(1 / (1 + np.exp(-said)), 0.03, rtol=0.02)


def test_pre_training_moves_the_trunk_alone_and_the_stream_the_tower_alone():
    model = made(network(), everyday=True)
    start = model.table.weight
    for seed in range(4):
        model.step(features(seed=seed), pull(["direct", "cart"]))
    own = model.table.weight[:, 4:]
    np.testing.assert_array_equal(own, start[:, 4:])
    assert (model.table.weight[:, :4] != start[:, :4]).any()
    tower = {
        name: value.clone()
        for name, value in model.layers.named_parameters()
        if name.startswith(("tower", "gates"))
    }
    model.network = network().reading(FEATURES)
    model.begin(LEARNER.model_copy(update={"fresh_moments": True}))
    model.freeze()
    said = model.outputs(features(seed=9))
    kept = {
        name: value.clone()
        for name, value in model.layers.state_dict().items()
        if name.startswith(("trunk", "everyday"))
    }
    shared = model.table.weight[:, :4].clone()
    for seed in range(6):
        model.step(features(seed=seed), pull(HEADS))
    for name, value in kept.items():
        np.testing.assert_array_equal(model.layers.state_dict()[name], value, err_msg=name)
    np.testing.assert_array_equal(model.table.weight[:, :4], shared)
    assert (model.table.weight[:, 4:] != start[:, 4:]).any()
    assert any(
        (value != tower[name]).any() for name, value in model.layers.named_parameters() if name in tower
    )
    now = model.outputs(features(seed=9))
    np.testing.assert_array_equal(now["direct"], said["direct"])
    assert (now["delay"] != said["delay"]).any()


def test_the_tower_reads_its_context_alone_of_its_own_embeddings():
    part = network(context=["day"]).reading(FEATURES)
    model = Model(part, HEADS, FEATURES, LEARNER, seed=4)
    assert model.layers["tower"][0].in_features == 6 + 4
    model.step(features(), pull(["delay"]))
    model.step(features(), pull(["delay"]))
    moved = model.table.accumulator[:, 1].reshape(3, 10).any(axis=1)
    assert moved.tolist() == [False, False, True]
    with pytest.raises(ScenarioError, match=r"context.*'prise'.*price"):
        network(context=["prise"]).reading(FEATURES)


def test_the_everyday_model_starts_alike_whatever_the_tower_is():
    plain = made(network())
    mixed = Model(
        network(gate=False, tower=[7]).pretraining(),
        ("direct", "cart", "treated", "untreated"),
        FEATURES,
        LEARNER,
        seed=4,
    )
    np.testing.assert_array_equal(mixed.table.weight, plain.table.weight)
    for head in ("direct", "cart"):
        np.testing.assert_array_equal(
            mixed.outputs(features())[head], made(network(), everyday=True).outputs(features())[head]
        )
