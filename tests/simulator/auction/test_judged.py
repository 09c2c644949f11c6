"""Estimates in sums against the same over whole columns."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.auction.judged import Judged
from simulator.auction.offpolicy import Logged, estimate
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import realised
from simulator.units import HOUR
from tests.simulator.auction.offered import WINDOWS, offers, predictions, room


@pytest.mark.parametrize("mechanism", ["first-price", "second-price"])
def test_sums_are_the_estimates_of_whole_columns(mechanism):
    rng, n = np.random.default_rng(1), 6000
    case = AuctionBlock(mechanism=mechanism, exploration={"kind": "epsilon", "rate": 0.5}, worth=2.0)
    offered, sides = offers(rng, n), {}
    judged, rooms = Judged(case, WINDOWS, "log"), {name: room(case) for name in ("log", "other")}
    beliefs = {name: predictions(rng, n) for name in rooms}
    for believed in beliefs.values():  # of what the log never bids for it cannot tell anything
        believed.ctr, believed.cvr, believed.amount = (
            np.maximum(of, 0.1) for of in believed.arrays().values()
        )
    late = n  # the first offer of which it is known how many conversions come how soon
    for k in range(0, n, 500):
        part = offered[k : k + 500]
        for name, account in rooms.items():
            won = account.clear(part, beliefs[name][k : k + 500])
            judged.add(name, part, won)
            late = min(late, k) if np.isfinite(judged._complete[-1]) else late
            sides.setdefault(name, []).append(won)
    log, other = (type(parts[0]).concatenate(parts) for parts in sides.values())
    found, value = judged.summary()["other"], realised(offered, case)
    price = other.least if mechanism == "second-price" else other.meant
    earned = (other.meant > other.least) * (value - price)
    assert 0 < late < n
    for way, first in (("naive", 0), ("made up", late)):
        assert found[way]["13.5h"]["earned"] == pytest.approx(earned[first:].mean())
    for age, words in ((HOUR, "1h"), (judged.ages[-1], "13.5h")):
        known = value * (offered.first_pay - offered.time <= age)
        logged = Logged(log.won, log.propensity, log.least, known, np.ones(n))
        for kind in ("ips", "snips"):
            whole = estimate(kind, logged, other.meant, mechanism)
            for name, of in found["naive"][words][kind].items():
                assert of * n == pytest.approx(getattr(whole, name), rel=1e-9), (age, kind, name)
    assert found["naive"]["1h"]["ips"]["profit"] < found["made up"]["1h"]["ips"]["profit"]
    final = found["made up"]["13.5h"]
    assert final["ips"]["low"] < final["earned"] < final["ips"]["high"]


@pytest.mark.parametrize(
    "written",
    [{}, {"exploration": "epsilon", "budget": 1.0}, {"exploration": "epsilon", "slots": [1.0, 0.5]}],
)
def test_where_chances_are_not_known_nothing_is_estimated(written):
    assert not Judged.can(AuctionBlock.model_validate(written))
