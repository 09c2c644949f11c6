"""Rivals' bids against what is stated of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from simulator.auction.landscapes import Landscape
from simulator.auction.settings import AuctionBlock
from simulator.calendar import NO_PROMOTIONS, Calendar, Promotion
from simulator.log.schema import Feature
from simulator.units import DAY, HOUR

FEATURES = (Feature("a", 50),)
N = 20_000
IDS, NONE = np.arange(N), np.zeros((N, 1), np.int32)
SALE = Calendar.of([Promotion("s", 5 * DAY, 6 * DAY, 2 * DAY)])


def best(rivals, time=0, calendar=NO_PROMOTIONS, features=NONE, **settings):
    made = Landscape(AuctionBlock(rivals=rivals, reserve=0.001, **settings), calendar, FEATURES, 4)
    return made.best(IDS, np.broadcast_to(np.asarray(time), N), features)


def test_they_are_the_best_of_so_many_log_normal_bids():
    bids = best({"count": 4, "bid": 0.3, "spread": 0.7}, slots=[1.0, 0.5, 0.2])
    assert (np.diff(bids, axis=1) <= 0).all()
    for k in range(3):
        # The chance that at most k of four bids are above x.
        under = stats.norm.cdf(np.log(bids[:, k] / 0.3) / 0.7)
        assert stats.kstest(stats.binom.cdf(k, 4, 1 - under), "uniform").pvalue > 1e-4


def test_slots_beyond_the_rivals_are_free_of_them():
    assert (best({"count": 1}, slots=[1.0, 0.5])[:, 1] == 0).all()
    assert (best({"count": 0}) == 0).all()


@pytest.mark.parametrize(
    ("day", "rising", "level"),
    [(1, True, 1), (3, True, 1), (4, True, 2), (4, False, 4), (5.5, True, 9), (7, True, 0.5)],
)
def test_they_follow_the_phase_and_rise_before_the_sale(day, rising, level):
    rivals = {
        "count": 1, "bid": 0.3, "spread": 0, "rising": rising, "anticipation": {"level": 4.0},
        "promotion": {"level": 9.0}, "after": {"level": 0.5},
    }  # fmt: skip
    assert best(rivals, int(day * DAY), SALE) == pytest.approx(0.3 * level)


def test_a_phase_may_have_a_spread_of_its_own():
    rivals = {"count": 1, "spread": 0, "promotion": {"level": 1.0, "spread": 0.9}}
    assert np.ptp(best(rivals, DAY, SALE)) == 0
    assert np.log(best(rivals, 5 * DAY, SALE)).std() == pytest.approx(0.9, rel=0.03)


def test_they_follow_the_hour_and_the_context():
    hours = [1.0] * 24
    hours[13] = 3.0
    rivals = {"count": 1, "bid": 0.2, "spread": 0, "by_hour": hours}
    assert best(rivals, 2 * DAY + 13 * HOUR + 1) == pytest.approx(0.6)
    assert best(rivals, 2 * DAY + 14 * HOUR) == pytest.approx(0.2)
    many = (IDS % 5000).astype(np.int32)[:, None]
    by_id = best({"count": 1, "spread": 0, "context": "a", "context_spread": 0.5}, features=many)[:, 0]
    assert (by_id[:5000] == by_id[5000:10_000]).all()
    assert np.log(by_id[:5000]).std() == pytest.approx(0.5, rel=0.05)


def test_each_impression_meets_the_same_rivals_whatever_else_is_offered():
    made = Landscape(AuctionBlock(), NO_PROMOTIONS, FEATURES, 4)
    all_of_them, time = made.best(IDS, IDS * HOUR, NONE), IDS * HOUR
    some = np.array([17, 3, 900])
    assert (made.best(IDS[some], time[some], NONE[some]) == all_of_them[some]).all()
    other = Landscape(AuctionBlock(), NO_PROMOTIONS, FEATURES, 5)
    assert (other.best(IDS, time, NONE) != all_of_them).all()
