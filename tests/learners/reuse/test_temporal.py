"""TEN: experts of past sales behind a gate, beside everyday layers that know nothing of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from learners.journal import Journal
from learners.kit.ground import LEARNER, resolved
from learners.networks.mlp import MLP
from learners.reuse.temporal import BRIDGES, EXPERTS, TemporalExperts
from simulator.calendar import Calendar, Promotion
from simulator.errors import RunError, ScenarioError
from simulator.units import DAY, HOUR
from tests.learners.reuse.sale import CALENDAR, END, OPENING, clicks_from, learner_of, served, streamed

TWO = Calendar((Promotion("early", DAY, DAY + 12 * HOUR), *CALENDAR.promotions))


def ten(cache, calendar=CALENDAR, **network):
    return learner_of(cache, calendar=calendar, method="ten", network=network or None)


def outputs(learner, clicks):
    return learner._model.outputs(clicks.features)


CLICKS = clicks_from(OPENING, END)


def test_everyday_layers_are_those_of_es_dfm_to_the_bit(cache):
    own, other = ten(cache), learner_of(cache, method="es-dfm")
    np.testing.assert_array_equal(outputs(own, CLICKS)["cvr"], outputs(other, CLICKS)["cvr"])
    assert not np.array_equal(outputs(own, CLICKS)["cvr"], outputs(own, CLICKS)["gated"])
    for learner in (own, other):
        streamed(learner, until=OPENING)
    np.testing.assert_array_equal(outputs(own, CLICKS)["cvr"], outputs(other, CLICKS)["cvr"])


def test_a_closed_gate_changes_no_prediction(cache):
    learner = ten(cache)
    streamed(learner, until=OPENING)
    with torch.no_grad():
        learner._model.layers["heads"]["gate"].bias.fill_(-torch.inf)
    found = outputs(learner, CLICKS)
    np.testing.assert_array_equal(found["gated"], found["cvr"])


def layers_of(network, heads=("cvr", "gated", "gate"), width=12):
    return network.build(width, heads, torch.Generator().manual_seed(1)).eval()


@pytest.mark.parametrize("experts", [1, 3])
def test_the_formula(experts):
    network = TemporalExperts(hidden=(8, 6), experts=experts)
    layers = layers_of(network)
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.uniform_(-0.5, 0.5, generator=rng)
    embedded = torch.randn(1, 20, 12, generator=rng)
    with torch.no_grad():
        found = network.forward(layers, embedded)
        h = layers["trunk"][:3](embedded[0])
        o = layers["heads"]["cvr"](layers["trunk"](embedded[0])).squeeze(1)
        read = functional.leaky_relu(layers["gate"](h), 0.01)
        said = []
        for bridge, (first, second) in zip(layers[BRIDGES], layers[EXPERTS], strict=True):
            mapped = functional.leaky_relu(bridge(h), 0.01)
            said.append(second(functional.leaky_relu(first(mapped), 0.01)).squeeze(1))
        shares = layers["shares"](read).softmax(1)
        g = layers["heads"]["gated"](read).squeeze(1).sigmoid()
        e = sum(share * logit for share, logit in zip(shares.T, said, strict=True))
    assert torch.equal(found["cvr"], o)
    torch.testing.assert_close(found["gate"].sigmoid(), g)
    torch.testing.assert_close(found["gated"], (1 - g) * o + g * e)


def test_bridges_start_as_the_identity_and_draw_nothing_from_the_others():
    network = TemporalExperts(hidden=(8, 6), experts=2)
    layers, plain = layers_of(network), layers_of(MLP(hidden=(8, 6)), ("cvr",))
    for bridge in layers[BRIDGES]:
        assert torch.equal(bridge.weight, torch.eye(8))
        assert not bridge.bias.any()
    assert all(
        torch.equal(plain.state_dict()[name], layers.state_dict()[name]) for name in plain.state_dict()
    )
    generators = [torch.Generator().manual_seed(4) for _ in range(2)]
    network.build(12, ("cvr", "gated", "gate"), generators[0])
    MLP(hidden=(8, 6)).build(12, ("cvr",), generators[1])
    assert torch.equal(*(torch.rand(3, generator=generator) for generator in generators))


@pytest.mark.parametrize("norm", [True, False])
def test_an_expert_is_the_last_two_layers_of_the_model_at_a_sales_end(cache, norm, monkeypatch):
    from learners.reuse import experts

    ends, real = [], experts._models_at_ends

    def remembered(*given):
        for model in real(*given):
            ends.append((model, model.outputs(CLICKS.features)["cvr"]))
            yield model

    monkeypatch.setattr(experts, "_models_at_ends", remembered)
    learner = ten(cache, norm=norm)
    ((model, said),) = ends
    network, layers = learner._model.network, learner._model.layers
    model.layers.eval()
    with torch.no_grad():
        hidden = model.layers["trunk"][: network.below](model.embedded(CLICKS.features)[0])
        again = network.said_by_expert(layers, 0, hidden, None)
    np.testing.assert_allclose(again.numpy(), said, rtol=1e-4, atol=1e-5)


def test_the_first_stage_fits_bridges_and_nothing_else(cache):
    fitted, joint = ten(cache), ten(cache, joint=True)
    names = dict(fitted._model.layers.named_parameters())
    moved = {
        name.partition(".")[0]
        for name, parameter in joint._model.layers.named_parameters()
        if not torch.equal(parameter, names[name])
    }
    assert moved == {BRIDGES}
    assert torch.equal(joint._model.layers[BRIDGES][0].weight, torch.eye(8))


def test_the_bridge_is_better_than_none_on_its_sale(cache):
    past = clicks_from(2 * DAY, 3 * DAY)
    from learners.kit.ground import WINDOWS, trial_log

    paid = np.concatenate([labels.converted for _, labels in trial_log().labelled(WINDOWS, 2 * DAY, 3 * DAY)])

    def loss(learner):
        network, model = learner._model.network, learner._model
        model.layers.eval()
        with torch.no_grad():
            hidden = network.hidden_below(model.layers, model.embedded(past.features))
            bridge = model.layers[BRIDGES][0] if network.bridge else None
            logit = network.said_by_expert(model.layers, 0, hidden, bridge)
        return functional.binary_cross_entropy_with_logits(logit, torch.from_numpy(paid).float()).item()

    fitted = ten(cache, bridge_epochs=20)
    assert loss(fitted) < loss(ten(cache, bridge=False))


@pytest.mark.parametrize(("joint", "moved"), [(False, set()), (True, {BRIDGES})])
def test_what_the_stream_leaves_as_it_is(cache, joint, moved):
    learner = ten(cache, joint=joint)
    layers = learner._model.layers
    before = {name: parameter.detach().clone() for name, parameter in layers.named_parameters()}
    streamed(learner, until=OPENING)
    changed = {
        name.partition(".")[0] for name, p in layers.named_parameters() if not torch.equal(p, before[name])
    }
    assert changed == {"trunk", "heads", "gate"} | moved


def test_a_constant_gate_is_one_number(cache):
    learner = ten(cache, gate="constant", opened=0.2)
    assert outputs(learner, CLICKS)["gate"] == pytest.approx(np.log(0.25))
    streamed(learner, until=OPENING)
    found = np.unique(outputs(learner, CLICKS)["gate"])
    assert len(found) == 1
    assert found[0] != pytest.approx(np.log(0.25))
    assert len(np.unique(outputs(streamed_ten(cache), CLICKS)["gate"])) > 10


def streamed_ten(cache):
    learner = ten(cache)
    streamed(learner, until=OPENING)
    return learner


def test_one_expert_for_each_of_the_last_sales(cache):
    learner = ten(cache, TWO, experts=2)
    first, second = (expert[0].weight for expert in learner._model.layers[EXPERTS])
    assert not torch.equal(first, second)
    alone = ten(cache, TWO)
    assert not torch.equal(alone._model.layers[EXPERTS][0][0].weight, first)
    with pytest.raises(RunError, match=r"experts = 3, but the history holds 2 whole sales"):
        ten(cache, TWO, experts=3)


@pytest.mark.parametrize("save", [OPENING - 12 * HOUR, OPENING])
def test_resumed_it_goes_on_to_the_same_bits(cache, save, tmp_path):
    whole = streamed(ten(cache), until=OPENING + DAY)
    streamed(Journal(ten(cache), tmp_path, "m"), save=save, stop=save)
    again = streamed(Journal(ten(cache), tmp_path, "m", resume=True), until=OPENING + DAY)
    for now, values in whole.items():
        np.testing.assert_array_equal(values, again[now], err_msg=str(now))


def test_the_gate_reads_the_features_that_are_named(cache):
    network = TemporalExperts(hidden=(8, 6), beside=("b",)).completed(LEARNER)
    learner = ten(cache, beside=("b",))
    assert learner._model.layers["columns"].which.tolist() == [4, 5, 6, 7]
    assert "columns" not in ten(cache)._model.layers
    with pytest.raises(ScenarioError, match="unknown feature 'd'"):
        network.model_copy(update={"beside": ("d",)}).reading(learner._model.table.features)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ScenarioError, match="'mlp' does not make gate, gated"):
        resolved(method="ten", network="mlp")
    with pytest.raises(
        ScenarioError, match=r"of = 'log-mae' trains gmv, and the gate is one of the head cvr"
    ):
        resolved(method="ten", objective={"of": "log-mae"})
    fnw = {"policy": "fake-negative", "objective": {"of": "fnw"}, "auxiliary": "none"}
    assert resolved(method="ten", **fnw).objective.heads == ("cvr", "gated", "gate")


def test_it_serves_the_gate_too(cache):
    learner = ten(cache)
    learner.publish(4 * DAY)
    found = learner.predict(CLICKS)
    assert sorted(found) == ["cvr", "takes_part"]
    assert served(learner, CLICKS).tolist() == found["cvr"].tolist()


SALES = {"objective": {"learns": "sales"}, "serve": {"learns": "sales"}}
KNOWN = {"auxiliary": {"kind": "both", "first": "delay", "second": "sale"}}


def test_a_gate_that_learns_in_sales_alone(cache):
    """Before the sale nothing moves it and everyday layers are served, to the bit; in the sale it learns, and is served."""
    own, other = learner_of(cache, method="ten", **SALES, **KNOWN), learner_of(cache, method="es-dfm")
    opened = outputs(own, CLICKS)["gate"]
    for learner in (own, other):
        streamed(learner, until=OPENING)
    np.testing.assert_array_equal(outputs(own, CLICKS)["gate"], opened)
    before = clicks_from(OPENING - DAY, OPENING)
    np.testing.assert_array_equal(served(own, before), served(other, before))
    assert not np.array_equal(served(own, CLICKS), served(other, CLICKS))
    streamed(own, until=OPENING + DAY)
    assert not np.array_equal(outputs(own, CLICKS)["gate"], opened)
    with pytest.raises(ScenarioError, match="in_sale"):
        resolved(method="ten", **SALES)
