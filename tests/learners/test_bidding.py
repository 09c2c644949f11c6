"""What predictions become when they bid, and what stands in for those that a method does not make."""

from __future__ import annotations

import numpy as np
import pytest

from learners.session.bidding import beliefs
from simulator.auction.settings import AuctionBlock
from tests.simulator.auction.offered import offers

N = 20
CVR, CTR, GMV, RFR = (np.full(N, value) for value in (0.1, 0.4, 30.0, 0.25))


def believed(served, **settings):
    rng = np.random.default_rng(0)
    offered = offers(rng, N)
    made = AuctionBlock.model_validate({"worth": 7.0, **settings})
    return offered, beliefs(made, (50.0, 0.8))(offered, served)


def test_a_pay_is_worth_what_is_written_and_the_click_rate_is_the_true_one():
    offered, found = believed({"cvr": CVR, "ctr": CTR, "gmv": GMV})
    np.testing.assert_array_equal(found.amount, 7.0)
    np.testing.assert_array_equal(found.cvr, CVR)
    np.testing.assert_array_equal(found.ctr, offered.c)


def test_the_click_rate_is_the_methods_own_where_that_is_asked_for():
    _, found = believed({"cvr": CVR, "ctr": CTR}, ctr="model")
    np.testing.assert_array_equal(found.ctr, CTR)


@pytest.mark.parametrize(
    ("value", "served", "amount"),
    [
        ("gmv", {"cvr": CVR}, 50.0),
        ("gmv", {"cvr": CVR, "gmv": GMV}, 30.0),
        ("net-gmv", {"cvr": CVR}, 40.0),
        ("net-gmv", {"cvr": CVR, "rfr": RFR}, 37.5),
        ("net-gmv", {"cvr": CVR, "gmv": GMV}, 24.0),
        ("net-gmv", {"cvr": CVR, "netgmv": GMV / 2}, 15.0),
    ],
)
def test_amounts_are_the_methods_or_those_of_the_history(value, served, amount):
    _, found = believed(served, value=value)
    np.testing.assert_allclose(found.amount, amount)


def test_a_method_for_amounts_bids_with_the_true_conversion_rate():
    offered, found = believed({"gmv": GMV}, value="gmv")
    np.testing.assert_array_equal(found.cvr, offered.q1)
