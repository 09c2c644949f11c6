"""What the networks have beyond their formulas: forms, generators, dropout, features by name, sizes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from learners.kit import check_part
from learners.model import Model
from learners.networks import NETWORKS
from learners.session.plan import _check_networks
from simulator.errors import PartError, ScenarioError
from tests.learners.networks.built import DIM, FEATURES, LEARNER, build, forward

IDS = np.random.default_rng(0).integers(0, 7, (64, len(FEATURES))).astype(np.int32)


def model(spec, heads=("ctr", "cvr"), seed=1):
    network = NETWORKS.parse(spec, "network").completed(LEARNER)
    return Model(network, heads, FEATURES, LEARNER, seed)


VARIANTS = [
    {"kind": "deepfm", "form": "public"},
    {"kind": "deepfm", "first_order": "embedding"},
    {"kind": "autoint", "form": "public"},
    {"kind": "autoint", "hidden": [5]},
    {"kind": "dcn-v2", "form": "public"},
    {"kind": "dcn-v2", "cross": "vector"},
    {"kind": "dcn-v2", "rank": 2, "structure": "stacked"},
    {"kind": "mmoe", "gate": [3], "tower": [4]},
    {"kind": "ple", "levels": 1, "gate": [3], "tower": [4]},
    {"kind": "wide-deep", "deep": "deepfm"},
    {"kind": "per-head", "tower": {"kind": "dcn-v2", "dropout": 0.2}},
    {"kind": "hybrid", "conversion": "autoint"},
    {"kind": "mlp", "norm": False, "dropout": 0.3},
]


@pytest.mark.parametrize("spec", VARIANTS, ids=str)
def test_the_kit_passes_with_other_parameters(spec):
    checks = list(check_part(NETWORKS.parse(spec, "network")))
    assert len(checks) == 5
    assert not [check for check in checks if check.fault]
    network = NETWORKS.parse(spec, "network").completed(LEARNER)
    assert NETWORKS.parse(network.spec(), "network") == network


def test_autoint_treats_all_features_alike_until_it_is_flat():
    """Tokens in another order give the same numbers in that order: with the heads' weights moved as well, the same output."""
    network, layers, embedded, _ = build({"kind": "autoint", "attention_units": 6})
    order = torch.tensor([2, 0, 3, 1])
    other = embedded.view(1, -1, 4, DIM)[:, :, order].reshape(embedded.shape)
    moved = copy.deepcopy(layers)
    for head in moved["heads"].values():
        weight = head.weight.data
        head.weight.data = weight.view(1, 4, 6)[:, order].reshape(weight.shape)
    before, after = network.forward(layers, embedded), network.forward(moved, other)
    for head, output in before.items():
        torch.testing.assert_close(after[head], output, rtol=1e-12, atol=1e-12)
        assert not torch.allclose(network.forward(layers, other)[head], output)


def test_a_matrix_of_equal_rows_is_the_vector_form_and_no_other_is():
    """Row k of W says w x for every k: then W x is (w x) times a vector of ones, as in DCN."""
    vector, own, embedded, _ = build({"kind": "dcn-v2", "cross": "vector"})
    matrix, layers, _, _ = build({"kind": "dcn-v2"})
    different = forward(matrix, layers, embedded, None)["cvr"]
    for one, other in zip(layers["cross"], own["cross"], strict=True):
        one.weight.data = other.weight.data.expand_as(one.weight).clone()
        one.bias.data.zero_()
    for part in ("trunk", "heads"):
        layers[part].load_state_dict(own[part].state_dict())
    expected = forward(vector, own, embedded, None)["cvr"]
    np.testing.assert_allclose(forward(matrix, layers, embedded, None)["cvr"], expected)
    assert np.abs(different - expected).max() > 1e-2


def test_the_public_cross_weights_are_drawn_unscaled():
    network = NETWORKS["dcn-v2"](form="public").completed(LEARNER)
    layers = network.build(900, ("cvr",), torch.Generator().manual_seed(1))
    weights = torch.cat([cross.weight.flatten() for cross in layers["cross"]])
    assert weights.std().item() == pytest.approx(1, abs=0.05)
    assert layers["heads"]["cvr"].in_features == 901, "the perceptron says one number"


def test_the_public_autoint_is_linear():
    network, layers, embedded, _ = build({"kind": "autoint", "form": "public"})
    at, zero = network.forward(layers, embedded)["cvr"], network.forward(layers, 0 * embedded)["cvr"]
    torch.testing.assert_close(network.forward(layers, 2.5 * embedded)["cvr"] - zero, 2.5 * (at - zero))


def test_first_order_weights_of_their_own_have_a_second_table():
    assert NETWORKS["deepfm"]().embeddings == 2
    assert NETWORKS["deepfm"](first_order="embedding").embeddings == 1
    assert NETWORKS["per-head"](tower=NETWORKS["deepfm"]()).embeddings == 2
    own = model("deepfm")
    assert own.table.weight.shape[1] == 2 * DIM
    # The second one reaches the output without any interaction: doubling it doubles what it adds.
    network, layers, embedded, _ = build({"kind": "deepfm"})
    added = []
    for factor in (0.0, 1.0, 2.0):
        scaled = torch.stack([embedded[0], factor * embedded[1]])
        added.append(network.forward(layers, scaled)["ctr"])
    torch.testing.assert_close(added[2] - added[0], 2 * (added[1] - added[0]))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_draws_from_its_own_generator_and_goes_on_where_it_was(dropout):
    spec = {"kind": "mlp", "norm": False, "dropout": dropout}
    own, twin = model(spec), model(spec)

    def step(some):
        some.step(IDS, lambda outputs: (outputs["ctr"] - outputs["cvr"] + 1).square().mean())

    before = torch.get_rng_state()
    step(own)
    assert torch.equal(before, torch.get_rng_state())
    twin.load_state_dict(own.state_dict())
    for some in (own, twin):
        step(some)
        step(some)
    assert torch.equal(own.adam.weight, twin.adam.weight)
    other = model({**spec, "dropout": 0.0})
    for _ in range(3):
        step(other)
    assert torch.equal(own.adam.weight, other.adam.weight) == (dropout == 0)


def test_dropout_keeps_the_mean_and_draws_anew_at_each_step():
    from learners.dropout import Dropout

    layer = Dropout(0.25, torch.Generator().manual_seed(1))
    ones = torch.ones(200, 200)
    first, second = layer(ones), layer(ones)
    assert first.mean().item() == pytest.approx(1, abs=0.02)
    assert first.unique().tolist() == pytest.approx([0, 4 / 3])
    assert not torch.equal(first, second)
    assert torch.equal(layer.eval()(ones), ones)


def test_the_plain_perceptron_of_escim():
    """Linear and leaky ReLU alone, with the biases that batch norm would have taken away."""
    layers = model({"kind": "mlp", "norm": False, "hidden": [6, 4]}).layers
    kinds = [torch.nn.Linear, torch.nn.LeakyReLU] * 2
    assert all(isinstance(layer, kind) for layer, kind in zip(layers["trunk"], kinds, strict=True))
    assert all(layer.bias is not None for layer in layers["trunk"] if hasattr(layer, "bias"))


def test_a_tower_for_every_head_shares_the_embeddings_alone():
    own = model({"kind": "per-head", "tower": {"kind": "mlp", "hidden": [6]}})
    before, table = copy.deepcopy(own.layers), own.table.weight.clone()
    own.step(IDS, lambda outputs: outputs["cvr"].square().sum() + 0 * outputs["ctr"].sum())
    moved = {
        head: any(
            not torch.equal(a, b)
            for a, b in zip(
                before["towers"][head].parameters(), own.layers["towers"][head].parameters(), strict=True
            )
        )
        for head in ("ctr", "cvr")
    }
    assert moved == {"ctr": False, "cvr": True}
    assert not torch.equal(own.table.weight, table)


@pytest.mark.parametrize("spec", [{"kind": "wide-deep", "wide": ["cross"]}, "per-head", "ple"], ids=str)
def test_what_is_served_is_saved(spec):
    own, other = model(spec), model(spec)
    own.set_biases({"ctr": -1.0, "cvr": -2.0})
    own.publish()
    own.step(IDS, lambda outputs: outputs["cvr"].square().sum() + outputs["ctr"].square().sum())
    other.load_state_dict(own.state_dict())
    for head, values in own.served_outputs(IDS).items():
        np.testing.assert_array_equal(other.served_outputs(IDS)[head], values)


def test_features_by_name():
    with pytest.raises(ScenarioError, match=r"wide = \['itme'\].*'itme'.*allowed: cross.*'item'\?"):
        model({"kind": "wide-deep", "wide": ["itme"]})
    with pytest.raises(ScenarioError, match="leaves the deep part no feature"):
        model({"kind": "wide-deep", "wide": [f.name for f in FEATURES]})
    inner = {"kind": "wide-deep", "wide": ["item"]}
    assert (
        model({"kind": "per-head", "tower": inner}).layers["towers"]["cvr"]["wide"]["cvr"].in_features == DIM
    )
    own = model({"kind": "hybrid", "conversion": inner}, heads=("cvr", "rfr"))
    assert own.layers["conversion"]["wide"]["cvr"].in_features == 2 * DIM


def test_a_run_is_refused_before_it_begins_where_a_network_names_no_feature_of_its_log(resolved, fake_log):
    methods = resolved(
        "fnw", {"method": "fnw", "name": "wide", "network": {"kind": "wide-deep", "wide": ["itme"]}}
    )
    with pytest.raises(ScenarioError) as error:
        _check_networks(methods, fake_log())
    (fault,) = error.value.faults
    assert fault.startswith("method[1].network: wide = ['itme']: unknown feature 'itme'; allowed: ")


def test_parameters_that_cannot_be():
    with pytest.raises(ScenarioError, match="attention_units = 5 must be a multiple of attention_heads = 2"):
        NETWORKS.parse({"kind": "autoint", "attention_units": 5}, "network")
    for other in ({"cross": "vector"}, {"form": "public"}):
        with pytest.raises(ScenarioError, match="rank = 2 is that of a matrix"):
            NETWORKS.parse({"kind": "dcn-v2", "rank": 2, **other}, "network")
    with pytest.raises(PartError, match="dim = 5: 12 numbers are no whole number of tokens"):
        model({"kind": "autoint", "dim": 5})
