"""The networks of MISS and DFSN: what they compute, and which parameters each head's loss reaches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.build import build_learner
from learners.networks import NETWORKS
from learners.networks.multi_window import WINDOW_HEADS, fused
from learners.serve import LINKS
from tests.learners.ask import asked


def built(kind, heads, width=6, inputs=0, **parameters):
    network = NETWORKS[kind](hidden=(5, 4), **parameters)
    return network, network.build(width, heads, torch.Generator().manual_seed(3), inputs)


def reached(network, layers, head, embedded):
    """Names of the parameters, and embeddings, that the head's output moves."""
    leaf = embedded.clone().requires_grad_()
    layers.zero_grad()
    network.forward(layers.eval(), leaf)[head].square().sum().backward()
    names = {n for n, p in layers.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    return names, {k for k in range(len(embedded)) if leaf.grad[k].abs().sum() > 0}


def test_the_fusion_is_a_mixture_of_three_probabilities():
    logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 3
    layer = torch.nn.Linear(6, 3, dtype=torch.float64)
    u = logits.sigmoid()
    share = layer(torch.cat([u, u.softmax(1)], 1)).softmax(1)
    mixture = (share * u).sum(1)
    torch.testing.assert_close(fused(layer, logits).sigmoid(), mixture)
    far = fused(layer, torch.full((2, 3), 80.0, dtype=torch.float64))
    assert torch.isfinite(far).all()


def test_the_same_bias_on_all_of_the_fusion_changes_nothing():
    network, layers = built("multi-window", ("cvr", *WINDOW_HEADS))
    embedded = torch.randn(1, 9, 6)
    before = network.forward(layers.eval(), embedded)
    with torch.no_grad():
        layers["heads"]["cvr"].bias += 2.5
    torch.testing.assert_close(network.forward(layers, embedded)["cvr"], before["cvr"])
    assert set(before) == {"cvr", *WINDOW_HEADS}
    assert all(output.shape == (9,) for output in before.values())


@pytest.mark.parametrize("kind", ["multi-window", "satellites", "mmoe"])
def test_further_inputs_are_read(kind):
    heads = ("cvr", *WINDOW_HEADS) if kind == "multi-window" else ("cvr", "unbias", "feature")
    network, layers = built(kind, heads, inputs=2)
    embedded = torch.randn(network.embeddings, 4, 6)
    one, other = (network.forward(layers.eval(), embedded, torch.full((4, 2), v)) for v in (0.0, 1.0))
    assert all((one[head] != other[head]).any() for head in heads)


def test_each_head_of_mmoe_mixes_all_experts():
    network, layers = built("mmoe", ("in_window", "out_window"), experts=3)
    embedded = torch.randn(1, 7, 6)
    outputs = network.forward(layers.eval(), embedded)
    for head, output in outputs.items():
        share = layers["gates"][head](embedded[0]).softmax(1)
        mixed = sum(share[:, [k]] * expert(embedded[0]) for k, expert in enumerate(layers["experts"]))
        torch.testing.assert_close(output, layers["heads"][head](mixed).squeeze(1))
        names, embeddings = reached(network, layers, head, embedded)
        assert embeddings == {0}
        assert {n.split(".")[1] for n in names if n.startswith("experts")} == {"0", "1", "2"}
        assert {n.split(".")[1] for n in names if n.startswith(("gates", "heads"))} == {head}


def test_neither_the_main_networks_loss_nor_the_others_move_a_satellite():
    network, layers = built("satellites", ("cvr", "unbias", "feature"), mixing="normal")
    embedded = torch.randn(3, 7, 6)
    names, embeddings = reached(network, layers, "cvr", embedded)
    assert embeddings == {0}
    assert {name.split(".")[1] for name in names} == {"main", "feature", "unbias", "cvr"}
    assert not [n for n in names if n.startswith(("trunks.feature", "trunks.unbias", "heads.unbias"))]
    assert {name for name in names if name.startswith("mix")} == {
        f"mix.{n}.weight" for n in ("main", "feature", "unbias")
    }
    for k, head in ((1, "feature"), (2, "unbias")):
        names, embeddings = reached(network, layers, head, embedded)
        assert embeddings == {k}
        assert {name.split(".")[1] for name in names} == {head}


def test_the_main_network_starts_as_it_would_alone():
    network, layers = built("satellites", ("cvr", "unbias", "feature"))
    embedded = torch.randn(3, 7, 6)
    outputs = network.forward(layers.eval(), embedded)
    alone = layers["heads"]["cvr"](layers["trunks"]["main"](embedded[0])).squeeze(1)
    torch.testing.assert_close(outputs["cvr"], alone + outputs["unbias"])
    assert network.bias("cvr", -2.0) == 0
    assert network.bias("unbias", -2.0) == -2


@pytest.mark.parametrize("name", ["miss", "dfsn", "bi-defuse", "dfm"])
def test_a_start_is_calibrated(name, one, small, ground, fake_log):
    log = fake_log(30_000)
    learner = build_learner(one.method(name), **ground.arguments(learner=small, log=log))
    p = learner.predict(asked(log.ids))["cvr"]
    assert p.mean() / log.converted.mean() == pytest.approx(1, abs=0.1)
    assert np.corrcoef(p, log.p)[0, 1] > 0.7


def test_links_take_the_larger_and_the_sum():
    outputs = {"cvr": np.array([-2.0, 0.5]), "feature": np.array([-1.0, -3.0])}
    np.testing.assert_allclose(LINKS["satellites"]().serve(outputs)["cvr"], 1 / (1 + np.exp([1.0, -0.5])))
    outputs = {"in_window": np.array([-2.0, 2.0]), "out_window": np.array([-1.0, 2.0])}
    both = 1 / (1 + np.exp(2.0)) + 1 / (1 + np.exp(1.0))
    np.testing.assert_allclose(LINKS["two-windows"]().serve(outputs)["cvr"], [both, 0.99])
