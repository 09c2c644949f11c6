"""What a market offers against the log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from simulator.auction.offers import Market
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import Predictions, expected, known_clicks, oracle, realised
from simulator.calendar import NO_PROMOTIONS
from simulator.errors import RunError
from simulator.log.memory import MemoryLog, final_labels
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.simulator.shown import shown_log

WINDOWS = Windows(attribution=6 * HOUR, refund=6 * HOUR)


@dataclass
class Known:
    """A log in memory that knows the truth of its impressions: figures that name their row."""

    log: MemoryLog
    has_exposure: bool = True

    def __getattr__(self, name):
        return getattr(self.log, name)

    def exposure(self, start=None, end=None):
        time = self.log.impression.time
        low, high = np.searchsorted(time, [start, end])
        for first in range(low, high, 50):
            row = np.arange(first, min(first + 50, high))
            yield first, {"p_click": row / 1e6, "p_pay": row / 1e5, "c": row / 1e4, "q1": row / 1e3}


def market(log, start=DAY, end=3 * DAY):
    return Market(log, AuctionBlock(slots=[1.0, 0.5]), NO_PROMOTIONS, WINDOWS, 9, start, end)


def test_each_impression_of_the_stretch_is_offered_once_with_what_follows():
    log = Known(shown_log(1, WINDOWS))
    whole = market(log).take(3 * DAY)
    shown = log.impression
    rows = np.flatnonzero((shown.time >= DAY) & (shown.time < 3 * DAY) & (shown.coin < 0))
    assert (whole.place == rows).all()
    assert (whole.p_click == rows / 1e6).all()
    assert (whole.q1 == rows / 1e3).all()
    labels = final_labels(log.click_time, log.event, 0, WINDOWS)
    for k, row in enumerate(rows):
        click = shown.click_row[row]
        assert whole.click_row[k] == click
        inside = click >= 0 and shown.click_time[row] - shown.time[row] <= WINDOWS.click
        assert whole.clicked[k] == inside
        assert whole.gmv[k] == (labels.gmv[click] if inside else 0)
    cut = market(log)
    parts = [cut.take(at) for at in (DAY, DAY + HOUR, DAY + HOUR, 2 * DAY, 3 * DAY)]
    assert [len(parts[0]), len(parts[2])] == [0, 0]
    for name in whole.types():
        assert np.array_equal(np.concatenate([getattr(p, name) for p in parts]), getattr(whole, name)), name


def test_outcomes_are_worth_what_the_value_says():
    offered = market(Known(shown_log(2, WINDOWS))).take(3 * DAY)
    assert offered.refund_amount.sum() > 0
    assert realised(offered, AuctionBlock(worth=3.0, margin=0.5)).sum() == offered.converted.sum() * 1.5
    assert (realised(offered, AuctionBlock(value="gmv")) == offered.gmv).all()
    net = realised(offered, AuctionBlock(value="net-gmv", margin=0.5))
    assert net == pytest.approx((offered.gmv - offered.refund_amount) / 2)
    assert expected(offered, AuctionBlock(worth=4.0, margin=0.5)) == pytest.approx(
        2 * offered.p_click * offered.p_pay
    )
    assert (expected(offered, AuctionBlock(value="gmv")) == offered.gmv).all()


def test_oracles_know_what_the_features_tell():
    offered = market(Known(shown_log(2, WINDOWS))).take(3 * DAY)
    half = np.full(len(offered), 0.5)
    own = Predictions(half, half, half)
    assert (known_clicks(offered, own).ctr == offered.c).all()
    assert (known_clicks(offered, own).cvr == half).all()
    assert (oracle(offered, own).cvr == offered.q1).all()


def test_a_log_without_truth_has_no_oracle():
    offered = market(Known(shown_log(2, WINDOWS), has_exposure=False)).take(3 * DAY)
    half = np.full(len(offered), 0.5)
    with pytest.raises(RunError, match="does not know the truth"):
        known_clicks(offered, Predictions(half, half, half))
