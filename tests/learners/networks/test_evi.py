"""The network of EVI, number by number: a teacher on x times an embedding of c, and what its layers tell of the student's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from learners.kit import check_part
from learners.networks import NETWORKS
from simulator.errors import PartError, ScenarioError
from tests.learners.networks.built import DIM, FIELDS, LEARNER, ROWS, affine, build, hidden, rows_of, softmax

HEADS = ("ctr", "cvr", "teacher", "information")
SMALL = {"kind": "evi", "experts": 3, "hidden": [6], "tower": [5, 4, 3], "click_units": 2}


def levels(layers, head, x):
    """What each layer of a head's tower says."""
    said = [hidden(expert, x) for expert in layers["experts"]]
    weights = softmax(affine(layers["gates"][head], x))
    at = [sum(w * s[n] for w, s in zip(weights, said, strict=True)) for n in range(len(said[0]))]
    found = []
    for layer in layers["towers"][head]:
        at = hidden(layer, at)
        found.append(at)
    return found


def formula(network, layers, x):
    student = {head: levels(layers, head, x) for head in ("ctr", "cvr")}
    out = {head: affine(layers["heads"][head], student[head][-1])[0] for head in student}
    click = affine(layers["click"], [1 / (1 + np.exp(-float(out["ctr"])))])
    teacher = levels(layers["teacher"], "teacher", [a * b for a, b in itertools.product(x, click)])
    out["teacher"] = affine(layers["heads"]["teacher"], teacher[-1])[0]
    total = 0.0
    for back in range(1, network.informed + 1):
        guess = affine(layers["maps"][-back], student["cvr"][-back])
        raw = layers["spreads"][-back].tolist() if network.variance == "learnt" else [5.0] * len(guess)
        v = [np.log1p(np.exp(r)) + 1e-3 for r in raw]
        terms = [np.log(s) + (t - g) ** 2 / s for s, t, g in zip(v, teacher[-back], guess, strict=True)]
        total += sum(terms) / len(terms) / 2
    return {**out, "information": total}


@pytest.mark.parametrize("inputs", [0, 2])
@pytest.mark.parametrize(
    "more", [{}, {"variance": "fixed", "informed": 1}, {"informed": 3, "norm": True}], ids=str
)
def test_it_is_its_formula(more, inputs):
    network, layers, embedded, further = build({**SMALL, **more}, HEADS, inputs)
    if network.variance == "learnt":
        with torch.no_grad():
            for spread in layers["spreads"]:
                spread.add_(torch.linspace(-4, 1, len(spread)))
    found = network.forward(layers, embedded, further)
    assert set(found) == set(HEADS)
    for row in range(ROWS):
        x = rows_of(embedded[0][row]) + ([] if further is None else rows_of(further[row]))
        for head, value in formula(network, layers, x).items():
            assert found[head][row].item() == pytest.approx(float(value), rel=1e-9), head


def slope(loss, tensor):
    return torch.autograd.grad(loss, tensor, allow_unused=True, retain_graph=True)[0]


def test_the_teacher_does_not_train_the_click_rate_and_the_information_moves_both():
    network, layers, embedded, _ = build(SMALL, HEADS)
    layers.train()
    out = network.forward(layers, embedded)
    click = [*layers["heads"]["ctr"].parameters(), *layers["towers"]["ctr"].parameters()]
    for head in ("teacher", "information", "cvr"):
        assert all(slope(out[head].sum(), parameter) is None for parameter in click)
    assert slope(out["teacher"].sum(), layers["click"].weight).any()
    for tower in (layers["towers"]["cvr"], layers["teacher"]["towers"]["teacher"]):
        assert any(slope(out["information"].sum(), p).any() for p in tower.parameters())
    assert all(slope(out["information"].sum(), spread).any() for spread in layers["spreads"])


def test_only_experts_have_dropout():
    network, layers, *_ = build(SMALL, HEADS)
    names = {name for name, layer in layers.named_modules() if type(layer).__name__ == "Dropout"}
    assert {name.removeprefix("teacher.").split(".")[0] for name in names} == {"experts"}
    assert network.dropout == 0.3


def test_it_is_any_mixture_of_experts_without_a_teacher():
    assert not [
        check
        for check in check_part(NETWORKS.parse({**SMALL, "variance": "fixed"}, "network"))
        if check.fault
    ]
    network, layers, embedded, _ = build(SMALL, ("cvr", "rfr"))
    assert set(network.forward(layers, embedded)) == {"cvr", "rfr"}
    assert "teacher" not in layers


@pytest.mark.parametrize(
    ("heads", "missing"),
    [
        (("cvr", "teacher"), "ctr"),
        (("ctr", "cvr", "information"), "teacher"),
        (("ctr", "teacher", "information"), "cvr"),
    ],
)
def test_heads_that_need_another_say_so(heads, missing):
    network = NETWORKS.parse(SMALL, "network").completed(LEARNER)
    with pytest.raises(PartError, match=f"is made with '{missing}', which is not among"):
        network.build(FIELDS * DIM, heads, torch.Generator().manual_seed(1))


def test_no_other_network_makes_the_information(one):
    with pytest.raises(ScenarioError, match=r"network: 'per-head' does not make information.*allowed: evi"):
        one.method({"method": "evi", "network": {"kind": "per-head", "tower": "evi"}})
    free = {"kind": "entire-space", "space": {"kind": "evi", "weight_information": 0}}
    found = one.method({"method": "evi", "network": "per-head", "objective": free})
    assert found.objective.heads == ("ctr", "cvr", "teacher")
