"""Losses and gradients of the CVR objectives against closed forms in float64, stop-gradients included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.batch import Batch
from learners.networks.multi_window import WINDOW_HEADS
from learners.objectives import OBJECTIVES
from simulator.units import HOUR

SEEDS = st.integers(0, 100_000)
LABELS = {
    "immediate_positive": 1.0,
    "immediate_positive_2": 1.0,
    "immediate_positive_3": 1.0,
    "negative": 0.0,
    "delayed_positive": 1.0,
    "real_negative": 0.0,
    "copy": 1.0,
    "unbias_negative": 0.0,
    "unbias_positive": 1.0,
    "feature": np.nan,  # either
    "final": np.nan,
}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def pulls(kind, role, y, p, e, **parameters):
    """Per head, how much each row pulls its logit up and down: the weights w+ y and w- (1 - y), written a second time."""
    was = {name: role == name for name in LABELS}
    delta, tau = e.get("p_dp"), e.get("p_rn")
    match kind, parameters:
        case "defer", {"ratio": "bounded"}:
            f = np.maximum(p["cvr"], delta)
            return {"cvr": (y * f / (f - delta / 2), (1 - y) * (1 - f) / (1 - f + delta / 2))}
        case "defer", _:
            f = p["cvr"]
            gain = np.maximum(f / (f - delta / 2), 1e-6)
            return {"cvr": (y * gain, (1 - y) * (1 - f) / (1 - f + delta / 2))}
        case "defuse", _:
            gain = np.where(was["delayed_positive"], 1.0, 1 + delta)
            gain = 2 + delta if parameters.get("merged") else gain
            return {
                "cvr": (np.where(y == 1, gain, (1 - tau) * delta), np.where(y == 1, 0, tau * (1 + delta)))
            }
        case "ddfm", _:
            again = was["delayed_positive"] | was["real_negative"]
            real = np.where(again, 1 - p["cvr"] + delta, tau)
            share = parameters.get("share", "bounded")
            real = np.minimum(real, 1) if share == "bounded" else real
            fake = np.abs(1 - real) if share == "absolute" else 1 - real
            return {"cvr": (np.where(y == 1, 1.0, fake), np.where(y == 1, 0.0, real))}
        case "bi-defuse", {"variant": "port"}:
            late = was["delayed_positive"]
            return {"in_window": (y, 1 - y), "out_window": (1.0 * late, 1.0 * ~late)}
        case "bi-defuse", _:
            late, g = was["delayed_positive"], p["out_window"]
            return {
                "in_window": (y * ~late, (1 - y) * ~late),
                "out_window": (np.where(late, 1.0, g**2), np.where(late, 0.0, 1 - g**2)),
            }
        case "fsiw", _:
            return {"cvr": (y / e["p_observed"], (1 - y) * e["p_never"])}
        case "fnw", _:
            return {"cvr": (y * (1 + e["q_cvr"]), (1 - y) * (1 - e["q_cvr"] ** 2))}
        case "dfsn", _:
            short, q, final = was["feature"], p["unbias"], was["final"]
            other = was["unbias_negative"] | was["unbias_positive"]
            return {
                "feature": (y * (short | final), (1 - y) * (short | final)),
                "unbias": (y * (other * (1 + q) + final), (1 - y) * (other * (1 - q**2) + final)),
                "cvr": (y * ~(short | other), (1 - y) * ~(short | other)),
            }
        case "miss", _:
            alpha = parameters.get("alpha", 0)
            half, third, whole = (1 + alpha * e.get(f"late_{n}", 0) for n in ("half", "two_thirds", "whole"))
            by_half = y * ~(was["immediate_positive_2"] | was["immediate_positive_3"])
            by_third = y * ~was["immediate_positive_3"]
            seen = dict(zip(WINDOW_HEADS, ((by_half, half), (by_third, third), (y, whole)), strict=True))
            return {h: (w * v, 1 - v) for h, (v, w) in (seen | {"cvr": (y, whole)}).items()}
    raise AssertionError(kind)


CASES = [
    ("defer", {"ratio": "bounded"}), ("defer", {"ratio": "signed"}), ("defuse", {}), ("defuse", {"merged": True}),
    ("ddfm", {}), ("ddfm", {"share": "signed"}), ("ddfm", {"share": "absolute"}),
    ("bi-defuse", {}), ("bi-defuse", {"variant": "port"}), ("fsiw", {}),
    ("fnw", {"rate": "pre-trained"}), ("dfsn", {}), ("miss", {}), ("miss", {"alpha": 0.7}),
]  # fmt: skip


def draw(seed, samples, heads, estimates):
    """Rows of every role, some saying nothing, some taken back; raw outputs; estimates that want a gradient."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    role = rng.choice(list(LABELS), n)
    y = np.array([LABELS[name] for name in role])
    y = np.where(np.isnan(y), rng.random(n) < 0.4, y)
    null = rng.random(n) < 0.2
    weight = rng.choice([1.0, 1.0, -1.0, 0.5], n)
    rows = samples(n, converted=np.where(null, np.nan, y), weight=weight, role=role)
    outputs = {head: torch.tensor(rng.normal(0, 2, n), requires_grad=True) for head in heads}
    given_estimates = {
        name: torch.tensor(0.05 + 0.4 * rng.random(n), requires_grad=True) for name in estimates
    }
    return rows, role, y, weight * ~null, outputs, given_estimates


@settings(max_examples=15, deadline=None)
@given(SEEDS)
@pytest.mark.parametrize(("kind", "parameters"), CASES)
def test_losses_and_gradients_with_weights_held_fixed(kind, parameters, samples, seed):
    objective = OBJECTIVES[kind](**parameters)
    rows, role, y, weight, outputs, estimates = draw(seed, samples, objective.heads, objective.estimates)
    loss = objective.loss(Batch(rows, estimates, torch.float64), outputs)
    loss.backward()
    assert all(e.grad is None for e in estimates.values()), "estimates carry no gradient"
    p = {head: sigmoid(o.detach().numpy()) for head, o in outputs.items()}
    known = {name: e.detach().numpy() for name, e in estimates.items()}
    total = 0.0
    found = pulls(kind, role, y, p, known, **parameters)
    assert set(found) == set(outputs)
    for head, (up, down) in found.items():
        total -= np.sum(weight * (up * np.log(p[head]) + down * np.log1p(-p[head]))) / len(y)
        slope = weight * (down * p[head] - up * (1 - p[head])) / len(y)
        np.testing.assert_allclose(outputs[head].grad.numpy(), slope, rtol=1e-8, atol=1e-12, err_msg=head)
    assert loss.item() == pytest.approx(total, rel=1e-8, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
@pytest.mark.parametrize("parameters", [{}, {"rate": "softplus", "delay": "elapsed"}])
def test_dfm_is_the_likelihood_of_label_and_delay(parameters, samples, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    y, elapsed = (rng.random(n) < 0.4).astype(float), rng.integers(1, 5 * HOUR, n)
    event = 9 * HOUR
    early = rng.random(n) < 0.5  # seen by a timer, after the pay; else the pay itself is the cause
    previous = np.where((y == 1) & early, event - elapsed + elapsed // 3, -1)
    rows = samples(n, converted=y, elapsed=elapsed, event_time=event, previous_time=previous)
    o = torch.tensor(rng.normal(0, 2, n), requires_grad=True)
    raw = torch.tensor(rng.normal(-1, 1, n), requires_grad=True)
    loss = OBJECTIVES["dfm"](**parameters).loss(Batch(rows, None, torch.float64), {"cvr": o, "log_rate": raw})
    loss.backward()
    p, x = sigmoid(o.detach().numpy()), raw.detach().numpy()
    rate, slope = (np.logaddexp(0, x), sigmoid(x)) if parameters else (np.exp(x), np.exp(x))
    e = elapsed / HOUR
    d = e if parameters else np.where(previous >= 0, elapsed // 3, elapsed) / HOUR
    survival = 1 - p + p * np.exp(-rate * e)
    rowwise = np.where(y == 1, -np.log(p * rate * np.exp(-rate * d)), -np.log(survival))
    assert loss.item() == pytest.approx(rowwise.mean(), rel=1e-9)
    by_o = np.where(y == 1, p - 1, p * (1 - p) * (1 - np.exp(-rate * e)) / survival)
    by_rate = np.where(y == 1, d - 1 / rate, p * e * np.exp(-rate * e) / survival)
    np.testing.assert_allclose(o.grad.numpy(), by_o / n, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(raw.grad.numpy(), by_rate * slope / n, rtol=1e-8, atol=1e-12)


def test_miss_weighs_no_late_conversions_on_finals():
    part = OBJECTIVES["miss"](alpha=0.7)
    assert part.estimates
    assert part.on_finals() == OBJECTIVES["miss"](alpha=0.0)


@pytest.mark.parametrize("kind", ["defer", "defuse", "bi-defuse", "ddfm", "fsiw", "dfm", "dfsn", "miss"])
@pytest.mark.parametrize("logit", [-60.0, 60.0])
def test_extreme_logits_stay_finite(kind, logit, samples):
    objective = OBJECTIVES[kind]()
    rows = samples(2, converted=[0.0, 1.0], elapsed=HOUR, previous_time=-1)
    heads = {
        h: torch.full((2,), logit if h != "log_rate" else 3.0, requires_grad=True) for h in objective.heads
    }
    estimates = {name: torch.tensor([1e-6, 1 - 1e-6]) for name in objective.estimates}
    loss = objective.loss(Batch(rows, estimates), heads)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(output.grad).all() for output in heads.values() if output.grad is not None)
