"""Losses over impressions against slow formulas in float64, and their slopes with what is constant held fixed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from simulator.errors import ScenarioError
from tests.learners.slopes import slopes_by_difference

HEADS = ("ctr", "cvr", "imputation", "counterfactual", "teacher", "information")
N = 40


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def draw(seed, samples, *, clicked=None):
    """Impressions, labels of clicks, rows that are both and rows that say nothing; raw outputs; estimates."""
    rng = np.random.default_rng(seed)
    o = rng.choice([0.0, 0.0, 1.0, np.nan], N) if clicked is None else np.full(N, clicked)
    r = np.where(o == 0, 0.0, rng.choice([0.0, 1.0], N))
    both = rng.random(N) < 0.5
    r[(o == 1) & both] = np.nan  # an impression that was clicked, its label to come
    r[np.isnan(o) & (rng.random(N) < 0.2)] = np.nan
    weight = np.where(np.isnan(o), rng.choice([1.0, -1.0, 0.5], N), 1.0)
    rows = samples(N, clicked=o, converted=r, weight=weight)
    raw = {head: rng.normal(-1.0, 1.2, N) for head in HEADS}
    return rows, o, r, weight, raw, {"p_dp": 0.05 + 0.3 * rng.random(N), "p_rn": 0.5 + 0.5 * rng.random(N)}


def weights(conversion, raw, estimates):
    """w+ and w- of a label, divided by how often a click is delivered."""
    if conversion == "es-dfm":
        return np.ones(N), estimates["p_rn"]
    p = sigmoid(raw["cvr"])
    return (np.ones(N), 1 - p) if conversion == "fnw" else (np.ones(N), np.ones(N))


def slow(space, parameters, conversion, o, r, weight, raw, held, estimates):
    """The loss as the papers write it, from probabilities; ``held`` are the outputs that constants are made from."""
    p = {
        "clip": 0.05,
        "stop_gradient": True,
        "normalise": "none",
        "joint": False,
        "error": "loss",
        "counterfactual": 1e-3,
    }
    p |= {"alpha": 1.0, "beta": 10.0, **OWN.get(space, {}), **parameters}
    lam_c, lam_g = {
        "naive": (1, 0), "esmm": (0, 1), "ips": (1, 0), "dr": (1, 0), "escm2-ips": (0.1, 1), "escm2-dr": (0.1, 1),
        "dcmt": (1, 1), "nise": (1, 0), "potential": (1, 0), "evi": (0.5, 0.1),
    }[space]  # fmt: skip
    lam_c, lam_g = p.get("weight_cvr", lam_c), p.get("weight_ctcvr", lam_g)
    c, f = sigmoid(raw["ctr"]), sigmoid(raw["cvr"])
    gain, loss = weights(conversion, held, estimates)
    shown, clicks = ~np.isnan(o), ~np.isnan(r) & (o != 0)
    unclicked = o == 0
    y = np.nan_to_num(r)
    up, down = weight * clicks * y * gain, weight * clicks * (1 - y) * loss

    def bce(label, q):
        return -label * np.log(q) - (1 - label) * np.log(1 - q)

    ctr = np.sum(weight * shown * bce(np.nan_to_num(o), c)) / N
    ctcvr = np.sum(up * -np.log(c * f) + (down + weight * unclicked) * -np.log(1 - c * f)) / N
    e = up * -np.log(f) + down * -np.log(1 - f)
    basis = sigmoid((held if p["stop_gradient"] else raw)["ctr"])

    def inverse_of(q, among):
        found = 1 / np.maximum(q, p["clip"])
        if p["normalise"] == "self":
            return found * shown.sum() / np.sum(among * found)
        return found * shown.sum() / np.sum(among) if p["normalise"] == "clicks" else found

    inverse = inverse_of(basis, o == 1)
    more = 0.0
    if space == "potential":
        told = ~np.isnan(r)
        cvr = np.sum(weight * told * bce(y, f)) / told.sum()
    elif space in ("naive", "esmm"):
        cvr = np.sum(e) / max(clicks.sum(), 1)
    elif space.endswith("ips"):
        cvr = np.sum(inverse * e) / N
    elif space.endswith("dr"):
        moving, fixed = raw, raw if p["joint"] else held

        def errors(at):
            q, head = sigmoid(at["cvr"]), at["imputation"]
            if p["error"] == "prediction":
                return q, q, sigmoid(head)
            return -np.log(q), -np.log(1 - q), np.log1p(np.exp(head))

        (yes, no, _), (_, _, h) = errors(moving), errors(fixed)
        first = np.sum(weight * shown * h + inverse * (up * (yes - h) + down * (no - h)))
        (yes, no, _), (_, _, h) = errors(fixed), errors(moving)
        cvr = (first + np.sum(inverse * (up * (yes - h) ** 2 + down * (no - h) ** 2))) / N
    elif space == "dcmt":
        star = sigmoid(raw["counterfactual"])
        other = inverse_of(1 - basis, unclicked)
        cvr = np.sum(inverse * e + other * weight * unclicked * -np.log(star)) / N
        cvr += p["counterfactual"] * np.sum(weight * shown * np.abs(1 - f - star)) / N
    elif space == "evi":
        told, other = sigmoid(held["teacher"]), inverse_of(1 - basis, unclicked)
        cvr = np.sum(inverse * e + p["unclicked"] * other * weight * unclicked * bce(told, f)) / N
        teacher = np.sum(up * bce(1, sigmoid(raw["teacher"]))) + np.sum(
            (down + weight * unclicked) * bce(0, sigmoid(raw["teacher"]))
        )
        more = p["weight_teacher"] * teacher / N
        more += p["weight_information"] * np.sum(weight * shown * raw["information"]) / N
    elif space == "nise":

        def whole(at):
            q = sigmoid(at["cvr"])
            own = up * -np.log(q) + down * -np.log(1 - q) + weight * unclicked * bce(q, q)
            return np.sum(own) / N, np.sum(weight * shown * bce(np.nan_to_num(o), sigmoid(at["ctr"]))) / N

        (of_held, click), (of_moving, _) = whole(held), whole(raw)
        cvr = p["alpha"] * min(click / of_held, p["beta"]) * of_moving
    return p.get("weight_ctr", 1) * ctr + lam_c * cvr + lam_g * ctcvr + more


OWN = {
    "evi": {
        "clip": 1e-3,
        "weight_ctr": 0.2,
        "unclicked": 1.0,
        "weight_teacher": 0.2,
        "weight_information": 0.8,
    }
}
"""Defaults that other losses do not have, or have otherwise."""
CASES = [
    ("naive", {}), ("esmm", {}), ("ips", {}), ("dr", {}), ("escm2-ips", {}), ("escm2-dr", {}), ("dcmt", {}), ("nise", {}),
    ("potential", {}),
    ("ips", {"clip": 0.3}), ("ips", {"normalise": "self"}), ("escm2-dr", {"normalise": "clicks", "clip": 1e-3}),
    ("ips", {"stop_gradient": False, "weight_ctr": 0.0, "clip": 0.3}), ("dr", {"joint": True}),
    ("escm2-dr", {"joint": True, "error": "prediction", "stop_gradient": False}),
    ("escm2-ips", {"weight_cvr": 0.5, "weight_ctcvr": 0.5}), ("dcmt", {"counterfactual": 0.7, "stop_gradient": False}),
    ("evi", {}), ("evi", {"weight_cvr": 0.2, "clip": 0.3, "unclicked": 0.4}),
    ("evi", {"stop_gradient": False, "weight_information": 0.0, "weight_teacher": 0.7}),
    ("dcmt", {"normalise": "self", "clip": 0.3}), ("dcmt", {"normalise": "clicks"}),
    ("dcmt", {"clip": 0.6, "weight_ctcvr": 0.0}), ("nise", {"alpha": 5.0, "beta": 0.3}),
]  # fmt: skip


@pytest.mark.parametrize("conversion", ["bce", "es-dfm", "fnw"])
@pytest.mark.parametrize(("space", "parameters"), CASES)
def test_losses_and_slopes(space, parameters, conversion, samples):
    rows, o, r, weight, raw, estimates = draw(3, samples)
    objective = OBJECTIVES["entire-space"](space={"kind": space, **parameters}, conversion=conversion)
    leaves = {head: torch.tensor(raw[head], requires_grad=True) for head in objective.heads}
    given = {name: torch.tensor(value, requires_grad=True) for name, value in estimates.items()}
    loss = objective.loss(Batch(rows, given, torch.float64), leaves)
    loss.backward()
    assert all(value.grad is None for value in given.values()), "estimates carry no gradient"
    held = {head: values.copy() for head, values in raw.items()}

    def again():
        return slow(space, parameters, conversion, o, r, weight, raw, held, estimates)

    assert loss.item() == pytest.approx(again(), rel=1e-10)
    for head, found in slopes_by_difference(again, {head: raw[head] for head in objective.heads}).items():
        grad = leaves[head].grad
        np.testing.assert_allclose(
            np.zeros(N) if grad is None else grad.numpy(), found, atol=2e-8, err_msg=head
        )


@pytest.mark.parametrize(("space", "parameters"), CASES)
@pytest.mark.parametrize("clicked", [0.0, 1.0, np.nan])
def test_a_batch_of_one_kind_has_a_finite_loss(space, parameters, clicked, samples):
    """Nobody clicked, everybody did, or there are labels of earlier clicks alone; and no estimates of what is no click."""
    rows, *_, raw, _ = draw(5, samples, clicked=clicked)
    estimates = dict.fromkeys(
        ("p_dp", "p_rn"), torch.full((N,), np.nan if clicked == 0 and space != "potential" else 0.5)
    )
    objective = OBJECTIVES["entire-space"](space={"kind": space, **parameters}, conversion="es-dfm")
    for scale in (1.0, 60.0):
        leaves = {
            head: torch.tensor(scale * raw[head], dtype=torch.float32, requires_grad=True)
            for head in objective.heads
        }
        loss = objective.loss(Batch(rows, estimates), leaves)
        loss.backward()
        assert torch.isfinite(loss)
        assert all(torch.isfinite(leaf.grad).all() for leaf in leaves.values() if leaf.grad is not None)


@pytest.mark.parametrize("normalise", ["self", "clicks"])
def test_one_click_stands_for_all_that_was_shown(normalise, samples):
    space = {"kind": "ips", "weight_ctr": 0, "clip": 0.3, "normalise": normalise}
    raw = {"ctr": torch.full((3,), 3.0), "cvr": torch.tensor([0.1, 0.2, 0.3])}
    loss = OBJECTIVES["entire-space"](space=space).loss(
        Batch(samples(3, clicked=[0, 0, 1], converted=[0, 0, 1])), raw
    )
    clicks = 1 if normalise == "self" else sigmoid(3.0)
    assert loss.item() == pytest.approx(-np.log(sigmoid(0.3)) / clicks)


@pytest.mark.parametrize("space", ["naive", "potential"])
def test_one_label_is_a_mean_of_its_own(space, samples):
    objective = OBJECTIVES["entire-space"](space={"kind": space, "weight_ctr": 0})
    rows = samples(3, clicked=[1, 0, 1], converted=[1, np.nan, np.nan])
    loss = objective.loss(Batch(rows), {"ctr": torch.zeros(3), "cvr": torch.tensor([0.3, 0.1, 0.2])})
    assert loss.item() == pytest.approx(-np.log(sigmoid(0.3)))


def test_terms_that_count_nothing_are_no_loss(samples):
    rows, *_, raw, _ = draw(3, samples)
    objective = OBJECTIVES["entire-space"](space={"kind": "naive", "weight_ctr": 0, "weight_cvr": 0})
    leaves = {head: torch.tensor(raw[head], requires_grad=True) for head in objective.heads}
    loss = objective.loss(Batch(rows, None, torch.float64), leaves)
    loss.backward()
    assert loss.item() == 0
    assert not leaves["ctr"].grad.any()


def test_what_cannot_be_nested_is_said():
    find = OBJECTIVES.parse
    with pytest.raises(ScenarioError, match=r"trains cvr, log_rate, or gives no weights.*bce, ddfm, defer"):
        find({"kind": "entire-space", "conversion": "dfm"}, "objective")
    with pytest.raises(ScenarioError, match="Did you mean 'esmm'"):
        find({"kind": "entire-space", "space": "esm"}, "objective")
    with pytest.raises(ScenarioError, match="clip"):
        find({"kind": "entire-space", "space": {"kind": "ips", "clip": 0}}, "objective")


def test_a_batch_of_retractions_does_not_blow_nise_up(samples):
    """Both losses are negative: their ratio is no multiple, and nothing is made up for."""
    rows = samples(2, clicked=[1.0, 0.0], converted=[np.nan, 0.0], weight=-1.0)
    leaves = {head: torch.zeros(2, requires_grad=True) for head in ("ctr", "cvr")}
    loss = OBJECTIVES["entire-space"](space="nise").loss(Batch(rows), leaves)
    assert loss.item() == pytest.approx(-np.log(2))


@pytest.mark.parametrize(
    ("space", "unserved"),
    [("esmm", ()), ("escm2-dr", ("imputation",)), ("dcmt", ("counterfactual",))],
)
def test_heads_that_teach_the_others_are_those_that_no_link_serves(space, unserved):
    made = OBJECTIVES["entire-space"].model_validate({"space": space})
    assert made.unserved == unserved
    assert set(made.heads) == {"ctr", "cvr", *unserved}
