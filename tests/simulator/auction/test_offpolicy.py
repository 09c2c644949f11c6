"""Estimates from the log of one bidder against what another earns in truth, in the same auctions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from simulator.auction.offpolicy import Logged, completeness, estimate
from simulator.auction.room import Room
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import Predictions
from simulator.calendar import NO_PROMOTIONS
from simulator.errors import RunError
from simulator.units import HOUR
from tests.simulator.auction.offered import FEATURES, WINDOWS, offers

N = 4000


def logs(mechanism, count, late=False):
    """Yield a log of an exploring bidder, another bidder's bids, what is believed of these, and what they earn in truth."""
    explores = AuctionBlock(mechanism=mechanism, exploration={"kind": "epsilon", "rate": 0.5, "spread": 1.5})
    for seed in range(count):
        rng = np.random.default_rng(seed)
        offered = offers(rng, N)
        true = offered.c * offered.q1
        own = Predictions(offered.c, np.clip(offered.q1 * rng.uniform(0.4, 1.4, N), 0, 1), np.ones(N))
        won = Room(explores, NO_PROMOTIONS, WINDOWS, FEATURES, seed, 0).clear(offered, own)
        bids = true * rng.uniform(0.6, 1.2, N)
        wins = bids > offered.rivals[:, 0]
        price = offered.rivals[:, 0] if mechanism == "second-price" else bids
        truth = float(np.where(wins, true - price, 0.0).sum())
        value, complete = offered.converted.astype(float), np.ones(N)
        if late:
            elapsed = rng.integers(0, 10 * HOUR, N)
            delay = rng.exponential(3 * HOUR, N)
            value = value * (delay <= elapsed)
            history = rng.exponential(3 * HOUR, 20_000).astype(np.int64)
            complete = completeness(history, elapsed)
        # What a bidder may believe: rivals are log-normal, and his own values.
        direct = stats.norm.cdf(np.log(bids) + 1) * (true - bids) * 0.8
        logged = Logged(won.won, won.propensity, won.least, value, complete)
        yield logged, bids, direct, truth


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("mechanism", ["first-price", "second-price"])
def test_estimates_are_unbiased_and_their_intervals_hold(mechanism, late):
    errors, covered = {}, {}
    for logged, bids, direct, truth in logs(mechanism, 120, late):
        for kind in ("ips", "snips", "dr"):
            found = estimate(kind, logged, bids, mechanism, direct)
            errors.setdefault(kind, []).append(found.profit - truth)
            covered.setdefault(kind, []).append(found.low <= truth <= found.high)
    for kind, error in errors.items():
        # A ratio of two sums is unbiased only as logs grow; the others are for logs of any length.
        bound = 0.5 if kind == "snips" else 3.5 / np.sqrt(len(error))
        assert abs(np.mean(error)) < bound * np.std(error), kind
        assert np.mean(covered[kind]) > 0.88, kind


def test_labels_that_are_still_to_come_are_missed_unless_they_are_made_up_for():
    naive, made_up = [], []
    for logged, bids, _, truth in logs("second-price", 40, late=True):
        made_up.append(estimate("ips", logged, bids, "second-price").profit - truth)
        logged.complete = np.ones(N)
        naive.append(estimate("ips", logged, bids, "second-price").profit - truth)
    assert np.mean(naive) < 4 * np.mean(made_up)
    assert np.mean(naive) < -5 * np.std(naive) / np.sqrt(40)


def test_a_log_that_tells_nothing_is_said():
    logged, bids, _, _ = next(logs("second-price", 1))
    none = Logged(np.zeros(N, bool), logged.propensity, logged.least, logged.value, logged.complete)
    with pytest.raises(RunError, match="won nothing"):
        estimate("ips", none, bids, "second-price")
    logged.propensity[:] = 0
    with pytest.raises(RunError, match="no chance"):
        estimate("ips", logged, bids, "second-price")
