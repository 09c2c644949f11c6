"""Networks of two towers: what each loss reaches, and that any network can be the conversion tower."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from learners.model import Model
from learners.networks import NETWORKS
from simulator.errors import ScenarioError
from simulator.log.schema import Feature
from simulator.scenario.learner import LearnerBlock

FEATURES = (Feature("a", 7), Feature("b", 5))
DIM = 3
LEARNER = LearnerBlock(embedding_dim=DIM, hidden=(6, 4))
HEADS = ("cvr", "rfr")
IDS = np.array([[0, 1], [3, 4], [6, 0], [2, 2]], np.int32)


def model(network, heads=HEADS, seed=1):
    spec = network if isinstance(network, dict) else {"kind": network}
    return Model(NETWORKS.parse(spec, "network").completed(LEARNER), heads, FEATURES, LEARNER, seed)


def moved(network, head):
    """Take one step on one head's loss; tell which embeddings and which towers that moves."""
    own = model(network)
    before = copy.deepcopy(own.layers)
    table = own.table.weight.clone()
    own.step(IDS, lambda outputs: outputs[head].square().sum() + 0 * sum(outputs.values()).sum())
    change = (own.table.weight - table).view(len(table), -1, DIM).abs().sum((0, 2)) > 0
    towers = {
        name: any(
            not torch.equal(a, b)
            for a, b in zip(before[name].parameters(), own.layers[name].parameters(), strict=True)
        )
        for name in ("conversion", "refund")
    }
    return change.tolist(), towers


@pytest.mark.parametrize(
    ("network", "head", "embeddings"),
    [
        ("separate", "cvr", [True, False]),
        ("separate", "rfr", [False, True]),
        ("shared", "cvr", [True]),
        ("shared", "rfr", [True]),
        ("hybrid", "cvr", [True, False, True]),
        ("hybrid", "rfr", [False, True, True]),
        ({"kind": "separate", "detach": True}, "cvr", [True, False]),
        ({"kind": "separate", "detach": True}, "rfr", [False, False]),
        ({"kind": "hybrid", "detach": True}, "rfr", [False, False, False]),
    ],
)
def test_what_a_loss_reaches(network, head, embeddings):
    change, towers = moved(network, head)
    assert change == embeddings
    assert towers == {"conversion": head == "cvr", "refund": head == "rfr"}


@pytest.mark.parametrize(("network", "width"), [("separate", 6), ("shared", 6), ("hybrid", 12)])
def test_shapes(network, width):
    own = model(network)
    for tower in ("conversion", "refund"):
        assert own.layers[tower]["trunk"][0].in_features == width
    outputs = own.outputs(IDS)
    assert set(outputs) == set(HEADS)
    assert all(values.shape == (4,) for values in outputs.values())


def test_the_second_tower_has_the_net_head_too():
    own = model("separate", ("cvr", "netcvr"))
    assert set(own.layers["refund"]["heads"]) == {"netcvr"}
    assert set(own.outputs(IDS)) == {"cvr", "netcvr"}


@pytest.mark.parametrize("network", ["separate", "shared", "hybrid"])
def test_each_tower_is_a_perceptron_on_what_it_reads(network):
    """Each tower of outputs equals its own perceptron on what it reads."""
    own = model(network)
    own.layers.eval()
    embedded = torch.randn(own.network.embeddings, 4, 6, generator=torch.Generator().manual_seed(2))
    found = own.network.forward(own.layers, embedded)
    places = {"separate": ([0], [1]), "shared": ([0], [0]), "hybrid": ([0, 2], [1, 2])}[network]
    for place, tower, head in zip(places, ("conversion", "refund"), HEADS, strict=True):
        read = torch.cat([embedded[k] for k in place], 1)
        layers = own.layers[tower]
        expected = layers["heads"][head](layers["trunk"](read)).squeeze(1)
        torch.testing.assert_close(found[head], expected)


def test_state_and_served_copy():
    own = model("hybrid")
    own.set_biases({"cvr": -2.0, "rfr": -1.0})
    own.publish()
    before = own.served_outputs(IDS)
    for _ in range(3):
        own.step(IDS, lambda outputs: (outputs["cvr"] - outputs["rfr"]).square().sum())
    assert all(np.array_equal(values, before[head]) for head, values in own.served_outputs(IDS).items())
    other = model("hybrid")
    other.load_state_dict(own.state_dict())
    for head, values in own.outputs(IDS).items():
        np.testing.assert_array_equal(other.outputs(IDS)[head], values)


def test_towers_take_sizes_of_their_own():
    network = NETWORKS.parse(
        {"kind": "hybrid", "conversion": {"kind": "mlp", "hidden": [5]}, "hidden": [4, 3]}, "network"
    ).completed(LEARNER)
    assert (network.conversion.hidden, network.hidden) == ((5,), (4, 3))
    assert NETWORKS.parse(network.spec(), "network") == network


def test_faults_of_a_nested_part_name_it():
    with pytest.raises(ScenarioError, match=r"network\.conversion.*'mlpp'.*'mlp'\?"):
        NETWORKS.parse({"kind": "separate", "conversion": "mlpp"}, "network")
    with pytest.raises(ScenarioError, match=r"network\.conversion.*hiden.*'hidden'\?"):
        NETWORKS.parse({"kind": "separate", "conversion": {"kind": "mlp", "hiden": [2]}}, "network")
    with pytest.raises(ScenarioError, match=r"network\.conversion = 7: must be a name"):
        NETWORKS.parse({"kind": "separate", "conversion": 7}, "network")
