"""Bidders against what they are for: the best response, a budget that lasts the day, a target that is kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from simulator.auction.bidders.base import Step
from simulator.auction.bidders.paced import Paced
from simulator.auction.bidders.shaded import Shaded, best_response
from simulator.auction.bidders.targets import TargetCpa, TargetRoas
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import Predictions
from simulator.units import DAY, HOUR
from tests.simulator.auction.offered import events_of, in_stretches, offers, predictions, room


@pytest.mark.parametrize(("worth", "mean", "spread"), [(1.0, -1.0, 0.5), (0.01, -3.0, 1.5), (50.0, 0.0, 0.3)])
def test_the_shaded_bid_earns_most_against_the_landscape(worth, mean, spread):
    def loss(bid):
        return -(worth - bid) * stats.norm.cdf((np.log(bid) - mean) / spread)

    best = optimize.minimize_scalar(
        loss, bounds=(worth * 1e-6, worth), method="bounded", options={"xatol": 1e-12}
    )
    found = float(best_response(np.array([worth]), mean, spread)[0])
    assert loss(found) == pytest.approx(best.fun, rel=1e-4)
    assert 0 < found < worth


def test_worthless_impressions_get_no_bid():
    assert (best_response(np.zeros(3), 0.0, 1.0) == 0).all()


def test_the_landscape_is_learnt_from_wins_and_losses():
    rng = np.random.default_rng(1)
    shaded = Shaded(fewest=10.0, memory="30d")
    control = shaded.start()
    assert shaded.bids(np.array([1.0]), control) == 0.7
    step = Step(0, 0, 0, 0, 0, np.inf, np.inf, 0.5, 1 / 96)
    for _ in range(20):
        bids = rng.lognormal(0.0, 1.0, 2000)
        control = shaded.learn(control, bids, bids > rng.lognormal(0.4, 0.6, 2000))
        control = shaded.step(control, step)
    assert control[0] == pytest.approx(0.4, abs=0.03)
    assert control[1] == pytest.approx(0.6, abs=0.04)


def test_shading_earns_where_truth_earns_nothing():
    rng = np.random.default_rng(2)
    offered = offers(rng, 6000)
    believed = Predictions(offered.c, offered.q1, np.full(6000, 3.0))
    profit = {}
    for bidder in ("truthful", "shaded", {"kind": "shaded", "adapt": False, "factor": 0.95}):
        case = AuctionBlock(mechanism="first-price", bidder=bidder, worth=3.0)
        won = room(case).clear(offered, believed)
        profit[str(bidder)] = float((won.won * (won.value - won.price)).sum())
    fixed = profit.pop(str({"kind": "shaded", "adapt": False, "factor": 0.95}))
    assert profit["truthful"] == pytest.approx(0, abs=1e-9)
    assert profit["shaded"] > 2 * fixed > 0


@pytest.mark.parametrize("method", ["multiplicative", "throttling"])
def test_pacing_spreads_a_budget_over_the_day_and_still_spends_it(method):
    rng = np.random.default_rng(3)
    n, days = 12_000, 3
    offered, believed = offers(rng, n, days=days), predictions(rng, n)
    spent = {}
    for bidder in ("truthful", {"kind": "paced", "method": method}):
        case = AuctionBlock(bidder=bidder, budget=120.0)
        won = room(case).clear(offered, believed)
        last = offered.time >= 2 * DAY
        hour = (offered.time[last] % DAY) // HOUR
        spent[str(bidder)] = np.bincount(hour, won.price[last], 24)
    plain, paced = spent.values()
    assert plain[12:].sum() == 0
    assert plain[:12].sum() > 110
    assert paced.sum() > 100
    assert paced[:12].sum() == pytest.approx(paced.sum() / 2, rel=0.15)


def test_pacing_knows_when_traffic_comes():
    paced = Paced()
    control = paced.start()
    for k in range(96):
        step = Step(400.0 if k >= 48 else 100.0, 0, 0, 0, 0, 100.0, 100.0, (k + 1) / 96, 1 / 96)
        control = paced.step(control, step)
    control[0] = 1.0
    # The first hours have a fifth of the traffic: a spend of 1 of 100 in the first of 48 such steps is too much.
    after = paced.step(control, Step(100.0, 0, 1.0, 0, 0, 100.0, 99.0, 1 / 96, 1 / 96))
    assert after[0] < 0.8
    late = paced.step(control, Step(400.0, 0, 1.0, 0, 0, 100.0, 49.0, 49 / 96, 1 / 96))
    assert late[0] == pytest.approx(1.0, abs=0.02)


def test_without_a_budget_there_is_nothing_to_pace():
    paced = Paced()
    step = Step(10, 5, 3.0, 0, 0, np.inf, np.inf, 0.5, 1 / 96)
    assert paced.step(paced.start(), step)[0] == 1.0


@pytest.mark.parametrize(
    ("made", "heard"),
    [(TargetCpa(target=2.0), {"conversions": 1.0}), (TargetRoas(target=4.0), {"revenue": 8.0})],
)
def test_a_controller_moves_by_what_arrived_against_what_was_spent(made, heard):
    def after(spend, **arrived):
        step = Step(
            10,
            5,
            spend,
            *({"conversions": 0.0, "revenue": 0.0} | arrived).values(),
            np.inf,
            np.inf,
            0.5,
            1 / 96,
        )
        control = made.start()
        for _ in range(40):
            control = made.step(control, step)
        return control[0]

    assert after(2.0, **heard) == pytest.approx(1.0)
    assert after(1.0, **heard) > 1.2
    assert after(4.0, **heard) < 0.8
    assert after(2.0) == pytest.approx(made.least)


def test_a_lag_forgives_conversions_that_are_only_late():
    step = Step(10, 5, 2.0, 0.0, 0.0, np.inf, np.inf, 0.5, 1 / 96)
    factors = []
    for lag in ("0s", "12h"):
        made = TargetCpa(target=2.0, lag=lag)
        control = made.start()
        for _ in range(16):
            control = made.step(control, step)
        factors.append(control[0])
    assert factors[0] < 0.5 * factors[1]


def test_a_controller_switches_off_when_conversions_stop_coming():
    rng = np.random.default_rng(4)
    n = 6000
    offered = offers(rng, n)
    believed = Predictions(offered.c, offered.q1, np.ones(n))
    events = events_of(rng, offered)
    silent = events[(events.arrival < DAY) | (events.arrival >= 2 * DAY)]
    case = AuctionBlock(bidder={"kind": "target-cpa", "target": 1.0, "memory": "6h"})
    share = []
    for heard in (events, silent):
        rows = in_stretches(room(case), offered, believed, heard, [0, 3 * DAY])
        won = np.array([row["won"] for row in rows])
        share.append([won[offered.time // DAY == day].mean() for day in range(3)])
    (_, normal, _), (before, during, _) = share
    assert normal > 0.2
    assert during < 0.4 * normal
    assert before == share[0][0]


def test_whoever_stopped_bidding_begins_again():
    made = TargetCpa(target=1.0)
    control = np.array([0.01, 0.0, 0.0, 0.0])
    for _ in range(96 * 8):
        control = made.step(control, Step(0, 0, 0, 0, 0, np.inf, np.inf, 0.5, 1 / 96))
    assert control[0] > 0.9
