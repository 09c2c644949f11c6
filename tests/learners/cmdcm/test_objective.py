"""The loss of three terms against its formula in double precision, with the stop-gradients in their places."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from simulator.logistic import expit, logit
from tests.carted import Carted
from tests.learners.slopes import slopes_by_difference

ROWS = 40
VARIANTS = ("none", "tau", "mu1", "mix")


def objective(causal, **given):
    return OBJECTIVES.parse({"kind": "cm-dcm", "causal": causal, **given}, "objective")


def rows(samples, seed=1):
    rng = np.random.default_rng(seed)
    direct = rng.random(ROWS) < 0.2
    told = {
        "direct": direct.astype(float),
        "delayed": (~direct & (rng.random(ROWS) < 0.4)).astype(float),
        "same_day_cart": (rng.random(ROWS) < 0.5).astype(float),
        "weight": rng.choice([1.0, 0.5], ROWS),
    }
    known = {"tau": rng.normal(0.1, 0.2, ROWS), "theta1": rng.random(ROWS), "theta0": rng.random(ROWS)}
    raw = {head: rng.normal(-1, 1, ROWS) for head in ("direct", "cart", "delay", "treated", "untreated")}
    return samples(ROWS, **told), told, known, raw


def formula(causal, told, known, raw, frozen, weights=(0.5, 0.1)):
    """The loss in numpy; ``frozen`` are the outputs that carry no gradient, as they are."""
    y, a, w = told["delayed"], told["same_day_cart"], told["weight"]
    cart = expit(frozen["cart"])
    if causal == "mix":
        p = cart * expit(raw["treated"]) + (1 - cart) * expit(raw["untreated"])
        held = (expit(raw["treated"]) - known["theta1"]) ** 2 + (
            expit(raw["untreated"]) - known["theta0"]
        ) ** 2
        third = (w * held).sum() / ROWS
    else:
        p = expit(raw["delay"])
        held = known["theta1" if causal == "mu1" else "tau"] if causal != "none" else p
        third = (w * a * (p - held) ** 2).sum() / a.sum()
    whole = np.minimum(expit(frozen["direct"]) + p, 1 - 1e-6)
    either = np.maximum(y, told["direct"])

    def surprise(label, chance):
        return -(w * (label * np.log(chance) + (1 - label) * np.log1p(-chance))).sum() / ROWS

    return surprise(y, p) + weights[0] * surprise(either, whole) + weights[1] * third


@pytest.mark.parametrize("causal", VARIANTS)
def test_loss_and_slopes(causal, samples):
    part = objective(causal)
    given, told, known, raw = rows(samples)
    frozen = {head: values.copy() for head, values in raw.items()}
    leaves = {head: torch.tensor(raw[head], requires_grad=True) for head in part.heads}
    estimates = {name: torch.tensor(known[name], requires_grad=True) for name in part.estimates}
    loss = part.loss(Batch(given, estimates, torch.float64), leaves)
    assert loss.item() == pytest.approx(formula(causal, told, known, raw, frozen), rel=1e-12)
    loss.backward()
    slopes = slopes_by_difference(lambda: formula(causal, told, known, raw, frozen), raw)
    for head, leaf in leaves.items():
        found = np.zeros(ROWS) if leaf.grad is None else leaf.grad.numpy()
        np.testing.assert_allclose(found, slopes[head], atol=1e-8, err_msg=head)
    assert not any(leaves[head].grad is not None and leaves[head].grad.any() for head in ("direct", "cart"))
    assert all(estimate.grad is None for estimate in estimates.values())


def test_switches_take_terms_away(samples):
    given, told, known, raw = rows(samples)
    for weights in ((0.0, 0.0), (1.0, 0.0), (0.0, 2.0)):
        part = objective("tau", weight_all=weights[0], weight_causal=weights[1])
        leaves = {head: torch.tensor(raw[head]) for head in part.heads}
        found = part.loss(Batch(given, {"tau": torch.tensor(known["tau"])}, torch.float64), leaves)
        assert found.item() == pytest.approx(formula("tau", told, known, raw, raw, weights), rel=1e-12)


W0 = Carted(0.0, 0.0, 1.5)


@pytest.fixture(scope="module")
def carted_cell():
    """Of W0's carted clicks: the mean label, the true effect and the rate with a cart (table 10.3)."""
    x = np.random.default_rng(5).normal(size=400_000)
    cart, one, none = W0.chances(x, 0)
    label, effect = cart @ one / cart.sum(), cart @ (one - none) / cart.sum()
    assert (round(label, 3), round(effect, 3)) == (0.125, 0.093)
    return label, effect


def settled(samples, causal, label, target, weight):
    """p_delay of one cell of carted clicks, where the slope of the loss is 0."""
    part = objective(causal, weight_all=0.0, weight_causal=weight)
    given = samples(
        2, delayed=[1, 0], direct=[0, 0], same_day_cart=[1, 1], weight=[2 * label, 2 * (1 - label)]
    )
    known = {name: torch.full((2,), target, dtype=torch.float64) for name in part.estimates}

    def slope(z):
        leaf = torch.tensor([z], dtype=torch.float64, requires_grad=True)
        nothing = torch.zeros(2, dtype=torch.float64)
        part.loss(
            Batch(given, known, torch.float64), {"delay": leaf.expand(2), "direct": nothing, "cart": nothing}
        ).backward()
        return leaf.grad.item()

    return expit(np.array(brentq(slope, -12, 12, xtol=1e-12)))


@pytest.mark.parametrize("weight", [0.0, 1.0, 10.0, 100.0, 1e5])
def test_the_letter_drags_carted_clicks_down_to_the_effect(weight, samples, carted_cell):
    label, effect = carted_cell
    found = settled(samples, "tau", label, effect, weight)
    # (p - y) + 2 lambda_c (p - tau) p (1 - p) = 0: between the mean label and the effect.
    theory = brentq(lambda p: p - label + 2 * weight * (p - effect) * p * (1 - p), 1e-6, 0.9)
    assert found == pytest.approx(theory, abs=1e-9)
    if weight == 1e5:
        assert found / label == pytest.approx(0.74, abs=0.005)
    assert settled(samples, "mu1", label, label, weight) == pytest.approx(label, abs=1e-9)


def test_what_is_served(samples):
    rng = np.random.default_rng(2)
    raw = {head: rng.normal(0, 2, 50) for head in ("direct", "cart", "delay", "treated", "untreated")}
    raw["direct"][0], raw["delay"][0] = logit(np.array([0.7, 0.6]))
    plain = LINKS.parse("cm-dcm", "serve").serve(raw)
    np.testing.assert_allclose(plain["delayed"], expit(raw["delay"]))
    np.testing.assert_allclose(plain["all"][1:], np.minimum(plain["direct"] + plain["delayed"], 1 - 1e-6)[1:])
    assert plain["all"][0] == 1 - 1e-6
    mixed = LINKS.parse({"kind": "cm-dcm", "causal": "mix"}, "serve")
    cart = expit(raw["cart"])
    expected = cart * expit(raw["treated"]) + (1 - cart) * expit(raw["untreated"])
    np.testing.assert_allclose(mixed.serve(raw)["delayed"], expected)
    assert set(mixed.heads) <= set(objective("mix").heads)
