"""Auctions as columns against auctions one at a time; budgets; states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.auction.settings import AuctionBlock
from simulator.errors import RunError
from simulator.units import DAY, HOUR
from tests.simulator.auction.offered import Slow, events_of, in_stretches, offers, predictions, room

BIDDERS = [
    "truthful",
    {"kind": "shaded", "fewest": 5},
    "paced",
    {"kind": "paced", "method": "throttling"},
    {"kind": "target-cpa", "target": 0.6, "trust": 1.0, "lag": "3h"},
    {"kind": "target-roas", "target": 2.0, "trust": 1.0},
]
CASES = st.fixed_dictionaries(
    {
        "mechanism": st.sampled_from(["first-price", "second-price"]),
        "reserve": st.sampled_from([0.0, 0.2]),
        "slots": st.sampled_from([[1.0], [1.0, 0.5], [1.0, 1.0, 0.1]]),
        "value": st.sampled_from(["pay", "gmv", "net-gmv"]),
        "margin": st.sampled_from([1.0, 0.3]),
        "budget": st.sampled_from([None, 0.5, 20.0]),
        "campaigns": st.sampled_from([1, 3]),
        "campaign_by": st.just("b"),
        "bidder": st.sampled_from(BIDDERS),
        "exploration": st.sampled_from(["none", "thompson", {"kind": "epsilon", "rate": 0.5}]),
        "control_step": st.sampled_from(["15m", "7h"]),
    }
)


@settings(max_examples=60, deadline=None, report_multiple_bugs=False)
@given(CASES, st.integers(0, 1000), st.sampled_from([0, 1, 3]))
def test_columns_are_auctions_one_at_a_time_wherever_they_are_cut(case, seed, members):
    rng = np.random.default_rng(seed)
    case = AuctionBlock.model_validate(case)
    members = members or int(case.exploration.kind == "thompson")
    offered = offers(rng, 60, len(case.slots))
    believed, events = predictions(rng, 60, members), events_of(rng, offered)
    slow = Slow(case).run(offered, believed, events)
    edges = [0, *sorted(rng.integers(1, 3 * DAY, 4).tolist()), 3 * DAY]
    fast = in_stretches(room(case), offered, believed, events, edges)
    assert [row["won"] for row in fast] == [row["won"] for row in slow]
    for name in slow[0]:
        assert np.array([r[name] for r in fast]) == pytest.approx(
            np.array([r[name] for r in slow]), rel=1e-12
        ), name


@pytest.mark.parametrize("campaigns", [1, 2])
@pytest.mark.parametrize("bidder", BIDDERS)
def test_no_campaign_spends_more_than_its_budget_on_any_day(bidder, campaigns):
    rng = np.random.default_rng(5)
    case = AuctionBlock(budget=3.0, campaigns=campaigns, campaign_by="b", bidder=bidder)
    offered = offers(rng, 3000)
    believed, events = predictions(rng, 3000), events_of(rng, offered)
    rows = in_stretches(room(case), offered, believed, events, [0, DAY // 3, 3 * DAY])
    spent = np.zeros((3, campaigns))
    np.add.at(
        spent, (offered.time // DAY, offered.features[:, 1] % campaigns), [row["price"] for row in rows]
    )
    assert (spent <= 3.0).all()
    assert (spent[0] > 1.0).all()


@pytest.mark.parametrize("bidder", BIDDERS)
def test_a_room_goes_on_from_its_state(bidder):
    rng = np.random.default_rng(6)
    case = AuctionBlock(
        budget=8.0, campaigns=2, campaign_by="b", bidder=bidder, value="net-gmv", exploration="epsilon"
    )
    offered = offers(rng, 800)
    believed, events = predictions(rng, 800), events_of(rng, offered)
    edges = [0, 9 * HOUR, DAY + HOUR, 3 * DAY]
    whole = in_stretches(room(case), offered, believed, events, edges)
    first, second = room(case), room(case)
    before = in_stretches(first, offered, believed, events, edges[:3])
    second.restore(first.state())
    after = in_stretches(second, offered, believed, events, edges[2:])
    assert before + after == whole


@pytest.mark.parametrize("bad", [np.nan, -0.1, np.inf])
def test_predictions_that_nobody_can_bid_with_are_said(bad):
    rng = np.random.default_rng(7)
    believed = predictions(rng, 5)
    believed.cvr[3] = bad
    with pytest.raises(RunError, match="a prediction of cvr is"):
        room(AuctionBlock()).clear(offers(rng, 5), believed)
    with pytest.raises(RunError, match="for 5 impressions; 4 are offered"):
        room(AuctionBlock()).clear(offers(rng, 4), predictions(rng, 5))


def test_thompson_needs_an_ensemble():
    rng, case = np.random.default_rng(7), AuctionBlock(exploration={"kind": "thompson"})
    with pytest.raises(RunError, match="shape \\(n, members\\)"):
        room(case).clear(offers(rng, 5), predictions(rng, 5))


def test_a_truthful_bid_is_dominant_in_a_single_second_price_auction():
    rng = np.random.default_rng(8)
    n = 4000
    offered, truth = offers(rng, n), predictions(rng, n)
    value = truth.ctr * truth.cvr * truth.amount
    best = None
    for factor in (1.0, 0.3, 0.8, 1.2, 3.0):
        case = AuctionBlock(reserve=0.1)
        bid = predictions(rng, n)
        bid.ctr, bid.cvr, bid.amount = truth.ctr, truth.cvr, truth.amount * factor
        won = room(case).clear(offered, bid)
        profit = np.where(won.won, value - won.price, 0.0)
        best = profit if best is None else best
        assert (best >= profit - 1e-12).all()
        assert factor == 1 or (best > profit + 1e-12).any()
