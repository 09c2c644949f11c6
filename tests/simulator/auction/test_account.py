"""What is measured of auctions, against what was put in."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulator.auction.curse import Curse
from simulator.auction.heard import Conversions
from simulator.auction.hindsight import Hindsight
from simulator.auction.known import Known
from simulator.auction.paired import foretold, lost, paired
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import Predictions, expected
from simulator.calendar import NO_PROMOTIONS
from simulator.errors import RunError
from simulator.units import DAY, HOUR
from tests.simulator.auction.offered import offers, predictions, room


def test_whoever_errs_wins_what_he_overrates():
    rng = np.random.default_rng(1)
    n, case = 40_000, AuctionBlock()
    offered = offers(rng, n)
    noisy = Predictions(offered.c, offered.q1 * np.exp(rng.normal(-0.125, 0.5, n)), np.ones(n))
    for believed, cursed in ((Predictions(offered.c, offered.q1, np.ones(n)), False), (noisy, True)):
        curse, account = Curse(case), room(case)
        for k in range(0, n, 9000):
            part = offered[k : k + 9000]
            curse.add(part, account.clear(part, believed[k : k + 9000]))
        by_truth = curse.summary()["true"]
        assert [d["offered"] for d in by_truth] == pytest.approx([n / 10] * 10)
        assert by_truth[9]["win_rate"] > 2 * by_truth[2]["win_rate"]
        promised = sum(d["believed_won"] for d in by_truth) / sum(d["true_won"] for d in by_truth)
        assert (promised > 1.1) == cursed
        edge = np.quantile(expected(offered, case), 0.9)
        top = expected(offered, case)[expected(offered, case) > edge].sum()
        assert by_truth[9]["true"] == pytest.approx(top, rel=1e-3)


@pytest.mark.parametrize("mechanism", ["first-price", "second-price"])
def test_the_clairvoyant_spends_the_budget_by_the_best_single_factor(mechanism):
    rng = np.random.default_rng(2)
    n, case = 20_000, AuctionBlock(mechanism=mechanism)
    offered, believed = offers(rng, n), predictions(rng, n)
    hindsight, won = Hindsight(case, NO_PROMOTIONS), room(case).clear(offered, believed)
    for k in range(0, n, 7000):
        hindsight.add(offered[k : k + 7000], won[k : k + 7000])
    for day, told in hindsight.best(100.0).items():
        here = offered.time // DAY == day
        bound, value = offered.rivals[here, 0], won.value[here]

        spent = [
            (bound if mechanism == "second-price" else factor * value)[factor * value > bound].sum()
            for factor in (told["factor"] * 0.97, told["factor"] * 1.03)
        ]
        assert told["spend"] == pytest.approx(100.0)
        assert spent[0] < 100.0 < spent[1]
        wins = told["factor"] * value > bound
        assert told["expected"] == pytest.approx(expected(offered[here], case)[wins].sum(), rel=0.02)
    assert all(told["factor"] == 1.0 for told in hindsight.best(1e9).values())


def test_the_clairvoyant_earns_more_than_whoever_paces():
    rng = np.random.default_rng(3)
    n = 20_000
    offered = offers(rng, n)
    believed = Predictions(offered.c, offered.q1, np.ones(n))
    hindsight = Hindsight(AuctionBlock(), NO_PROMOTIONS)
    earned = {}
    for bidder in ("truthful", "paced"):
        case = AuctionBlock(budget=60.0, bidder=bidder)
        won = room(case).clear(offered, believed)
        earned[bidder] = float(expected(offered, case)[won.won].sum())
    hindsight.add(offered, won)
    best = sum(day["expected"] for day in hindsight.best(60.0).values())
    assert earned["truthful"] < earned["paced"] < best


def test_the_clairvoyant_says_what_it_cannot_tell():
    with pytest.raises(RunError, match="one campaign and one slot"):
        Hindsight(AuctionBlock(slots=[1.0, 0.5]), NO_PROMOTIONS)


def test_a_days_target_is_known_when_its_conversions_have_come():
    rng = np.random.default_rng(4)
    offered = offers(rng, 500, days=1.0)
    won = room(AuctionBlock()).clear(offered, predictions(rng, 500))
    known, spend = Known(NO_PROMOTIONS), won.price.sum()
    known.add(offered, won)
    hours = np.array([5, 20, 26, 30, 40])

    def conversions(count, revenue):
        return Conversions(
            hours * HOUR, np.full(5, HOUR), np.zeros(5, int), np.array(count), np.array(revenue)
        )

    known.heard(conversions([1.0, 3.0, 4.0, 2.0, 0.0], [10.0, 30.0, 40.0, 20.0, -50.0]))
    (cpa,) = known.days("cpa", target=spend / 8)
    assert cpa["ratio"] == pytest.approx(spend / 10)
    assert cpa["kept"] == 1
    assert cpa["known"] == 31 - 24
    assert cpa["soon"] == pytest.approx(spend / 4)
    (roas,) = known.days("roas", target=60 / spend)
    assert roas["ratio"] == pytest.approx(50 / spend)
    assert roas["kept"] == 0
    assert roas["known"] == 41 - 24
    (none,) = Known(NO_PROMOTIONS).days("cpa", 1.0) or [None]
    assert none is None


def test_a_day_without_conversions_misses_its_target_at_once():
    rng = np.random.default_rng(4)
    offered = offers(rng, 500, days=1.0)
    known = Known(NO_PROMOTIONS)
    known.add(offered, room(AuctionBlock()).clear(offered, predictions(rng, 500)))
    (day,) = known.days("cpa", 1.0)
    assert (day["ratio"], day["kept"], day["known"]) == (math.inf, 0, 0)


def test_pairs_tell_methods_apart_where_single_figures_do_not(capsys):
    earned = {"good": [], "worse": []}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        n = 4000
        offered = offers(rng, n)
        for name, factor in (("good", 1.0), ("worse", 1.2)):
            believed = Predictions(offered.c, np.minimum(offered.q1 * factor, 1.0), np.ones(n))
            won = room(AuctionBlock()).clear(offered, believed)
            earned[name].append(float((expected(offered, AuctionBlock()) * won.won - won.price).sum()))
    found = paired(earned["good"], earned["worse"])
    with capsys.disabled():
        print(f"\nvariance of a difference, independent over paired: {found.ratio:.0f}")
    assert found.ratio > 10
    assert found.difference.low > 0


def test_what_is_lost_adds_up():
    found = lost(method=60.0, no_delay=75.0, oracle=90.0, clairvoyant=96.0)
    assert (found.delay, found.estimation, found.pacing) == (15.0, 15.0, 6.0)
    assert lost(60.0, 75.0, 90.0).pacing == 0


def test_whether_a_loss_foretells_money():
    loss = {"a": 0.1, "b": 0.2, "c": 0.3, "d": math.nan}
    assert foretold(loss, {"a": 9.0, "b": 5.0, "c": 1.0, "d": 0.0, "e": 3.0}) == 1
    assert foretold(loss, {"a": 1.0, "b": 5.0, "c": 9.0}) == -1
    assert math.isnan(foretold(loss, {"a": 1.0}))
