"""Estimators of the conversion loss on all impressions: which are right when."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.evaluation.loss_bias import (
    Exposed,
    doubly_robust,
    inverse_propensity,
    loss_biases,
    naive,
)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


X = np.linspace(-2, 2, 401)
C, Q = sigmoid(-2.5 + X), sigmoid(-2 + 0.8 * X)
F = sigmoid(-1.6 + 0.3 * X)
EXPECTED = Exposed(C, Q, Q, F)
"""Expectations: nothing but x moves clicks and conversions."""
WRONG_C, WRONG_H = np.full_like(C, C.mean()), np.zeros_like(C)
H = EXPECTED.errors(Q)


def test_dr_is_right_where_either_is_right():
    found = loss_biases(EXPECTED, {"true": C, "wrong": WRONG_C}, {"true": H, "wrong": WRONG_H})
    right = {name for name, bias in found.items() if abs(bias) < 1e-12}
    assert right == {
        "ips: true", "dr: true, true", "dr: true, wrong", "dr: wrong, true", "dr: true clipped, true",
        "dr: wrong clipped, true",
    }  # fmt: skip
    assert abs(found["ips: true clipped"]) > 1e-3
    assert found["dr: wrong, wrong"] == pytest.approx(found["ips: wrong"])
    assert abs(found["naive"]) > 1e-3


def test_no_propensity_given_x_repairs_what_is_hidden():
    u = np.array([-1.0, 1.0])[:, None]
    click, pay = sigmoid(-2.5 + X + 1.2 * u), sigmoid(-2 + 0.8 * X + 1.2 * u)
    c, q = click.mean(0), pay.mean(0)
    q1 = (click * pay).mean(0) / c
    given_x = Exposed(c, q1, q, F)
    assert inverse_propensity(given_x, c) - given_x.ideal == pytest.approx(
        np.mean(given_x.errors(q1) - given_x.errors(q)), abs=1e-12
    )
    assert abs(inverse_propensity(given_x, c) - given_x.ideal) > 0.05
    # Known, it is repaired: rows are then (x, u).
    whole = Exposed(click.ravel(), pay.ravel(), pay.ravel(), np.tile(F, 2))
    assert inverse_propensity(whole, click.ravel()) == pytest.approx(whole.ideal, abs=1e-12)


def test_samples_come_to_their_expectation():
    rng = np.random.default_rng(0)
    place = rng.integers(0, len(X), 400_000)
    clicked = (rng.random(len(place)) < C[place]).astype(float)
    pays = (rng.random(len(place)) < Q[place]).astype(float)
    seen = Exposed(clicked, np.where(clicked > 0, pays, np.nan), pays, F[place])
    assert naive(seen) == pytest.approx(naive(EXPECTED), abs=0.01)
    assert inverse_propensity(seen, C[place]) == pytest.approx(EXPECTED.ideal, abs=0.01)
    assert inverse_propensity(seen, C[place], normalised=True) == pytest.approx(EXPECTED.ideal, abs=0.01)
    assert doubly_robust(seen, C[place], H[place]) == pytest.approx(EXPECTED.ideal, abs=0.01)
    assert seen.ideal == pytest.approx(EXPECTED.ideal, abs=0.01)
