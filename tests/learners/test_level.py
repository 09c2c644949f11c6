"""The level of posterior settlement: it maximises the likelihood, takes over the network's drift, and remembers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from learners.evidence.level import Level, solved
from simulator.calendar import Calendar, Promotion
from simulator.learning import Clicks
from simulator.randomness import generator
from simulator.units import DAY, HOUR

MEMORY, SPREADS = 18.0, (0.03, 0.1, 0.1)
SALE = Calendar((Promotion("sale", 5 * DAY, 6 * DAY),))


def sigmoid(x):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_it_maximises_likelihood_and_prior(seed):
    rng = generator(seed, "level")
    n = int(rng.integers(1, 400))
    logit, weight = rng.normal(-2, 1, n), rng.random(n)
    evidence = np.where(rng.random(n) < 0.2, np.inf, -rng.exponential(1, n))
    mean, spread = float(rng.normal(0, 0.3)), float(rng.choice([0.03, 0.1, 0.5]))

    def loss(level):
        p = sigmoid(logit + level)
        path = np.where(np.isinf(evidence), p, p * np.exp(np.minimum(evidence, 0)) + 1 - p)
        return -weight @ np.log(path) + (level - mean) ** 2 / (2 * spread**2)

    best = minimize_scalar(loss, bounds=(mean - 4, mean + 4), method="bounded", options={"xatol": 1e-9}).x
    assert solved(logit, evidence, weight, mean, spread, 0.0) == pytest.approx(best, abs=1e-5)


def test_without_clicks_it_is_what_is_believed():
    none = np.empty(0)
    assert solved(none, none, none, 0.3, 0.1, 0.0) == 0.3


class Network:
    """Its output is one number, that moves with every step."""

    def __init__(self):
        self.output = -2.0

    def __call__(self, features):
        return {"cvr": np.full(len(features), self.output)}


def clicks_of(day, n, seed=0):
    time = day * DAY + np.sort(generator(seed, "times").integers(0, DAY, n))
    return Clicks(np.arange(n), time, np.zeros((n, 1), np.int32))


def tell(level, clicks, end, prior, evidence, network):
    level.heed(clicks, np.full(len(clicks), end - 1), {"prior": prior, "evidence": evidence}, network)


def test_the_drift_of_the_network_is_taken_off():
    """Nothing was seen (evidence 0): whatever the network has drifted by, what is served stays as it was."""
    level, network = Level(SALE, MEMORY, SPREADS), Network()
    clicks = clicks_of(1, 500)
    served = network.output + level(clicks)["cvr"]
    tell(level, clicks, 2 * DAY, served, np.zeros(500), network)
    network.output += 0.4
    level.publish(network)
    np.testing.assert_allclose(network.output + level(clicks)["cvr"], -2.0, atol=1e-12)
    # And a publication of which nobody told anything changes nothing.
    before = level(clicks)["cvr"]
    network.output += 0.4
    level.publish(network)
    np.testing.assert_array_equal(level(clicks)["cvr"], before)


def test_it_finds_the_level_of_a_promotion_in_some_segments():
    """Clicks of the sale convert at a higher rate than is served; final evidence says so."""
    rng = generator(1, "pays")
    level, network = Level(SALE, MEMORY, SPREADS), Network()
    n, rate = 4_000, sigmoid(-1.2)
    for segment in range(5):
        clicks = clicks_of(5, n, segment)
        prior = network.output + level(clicks)["cvr"]
        paid = rng.random(n) < rate
        # All of it is known: who did not pay will not.
        tell(level, clicks, 6 * DAY + segment * HOUR, prior, np.where(paid, np.inf, -30.0), network)
        network.output += rng.normal(0, 0.1)
        level.publish(network)
    found = network.output + level(clicks_of(5, 10))["cvr"]
    np.testing.assert_allclose(found, -1.2, atol=3 * SPREADS[1])
    away = network.output + level(clicks_of(1, 10))["cvr"]
    np.testing.assert_allclose(away, -2.0, atol=1e-9)


def test_what_was_served_is_brought_to_one_scale():
    """A click keeps the prior that it was served with: the level of that time is taken off before the next is solved."""
    level, network = Level(SALE, MEMORY, SPREADS), Network()
    old = clicks_of(1, 3_000)
    rng = generator(2, "pays")
    prior = network.output + level(old)["cvr"]
    evidence = np.where(rng.random(3_000) < sigmoid(-1.9), np.inf, -30.0)
    age = (2 * DAY - 1 - old.time) / HOUR
    for k in range(1, 60):
        tell(level, old, 2 * DAY, prior, evidence, network)
        level.publish(network)
        if k == 1:
            first = solved(prior, evidence, np.exp(-age / MEMORY), 0.0, SPREADS[0], 0.0)
            assert level(old)["cvr"][0] == pytest.approx(first)
    # The same told again and again: the level goes where the likelihood alone has its maximum, and stays there.
    alone = solved(prior, evidence, np.exp(-age / MEMORY), 0.0, 1e3, 0.0)
    assert level(old)["cvr"][0] == pytest.approx(alone, abs=2e-3)
    assert len(level.state_dict()["since"]) < 62


def test_refunds_are_not_its_business():
    level, network = Level(SALE, MEMORY, SPREADS), Network()
    clicks = clicks_of(1, 5)
    level.heed(clicks, clicks.time + DAY, {"refund_prior": np.zeros(5)}, network)
    level.publish(network)
    np.testing.assert_array_equal(level(clicks)["cvr"], 0)


def test_state_goes_on_to_the_same_numbers():
    rng = generator(3, "state")
    one, other, network = Level(SALE, MEMORY, SPREADS), Level(SALE, MEMORY, SPREADS), Network()
    for segment in range(6):
        clicks = clicks_of(4 + segment // 3, 200, segment)
        evidence = np.where(rng.random(200) < 0.3, np.inf, -1.0)
        prior = network.output + one(clicks)["cvr"]
        for level in (one, other) if segment > 2 else (one,):
            tell(level, clicks, (5 + segment) * DAY, prior, evidence, network)
        network.output += 0.01
        for level in (one, other) if segment > 2 else (one,):
            level.publish(network)
        if segment == 2:
            other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one(clicks)["cvr"], other(clicks)["cvr"])
    assert np.abs(one(clicks)["cvr"]).max() > 0
