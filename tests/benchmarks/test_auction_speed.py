"""Impressions cleared a second: `pytest tests/benchmarks -m benchmark -s`."""

from __future__ import annotations

import time

import numpy as np
import pytest

from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import Predictions
from tests.simulator.auction.offered import offers, room

IMPRESSIONS, STRETCH = 1_000_000, 25_000


@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("name", "written", "least"),
    [
        ("truthful", {}, 3e6),
        ("epsilon", {"exploration": "epsilon"}, 2e6),
        ("paced", {"bidder": "paced", "budget": 3e4}, 2e6),
        ("target-cpa", {"bidder": {"kind": "target-cpa", "target": 1.0}}, 2e6),
        ("shaded", {"bidder": "shaded", "mechanism": "first-price"}, 0.5e6),
    ],
)
def test_clearing_is_done_in_columns(name, written, least):
    offered = offers(np.random.default_rng(0), IMPRESSIONS, days=4)
    believed = Predictions(offered.c, offered.q1, np.ones(IMPRESSIONS))
    account = room(AuctionBlock.model_validate(written))
    begun = time.process_time()
    for at in range(0, IMPRESSIONS, STRETCH):
        account.clear(offered[at : at + STRETCH], believed[at : at + STRETCH])
    rate = IMPRESSIONS / (time.process_time() - begun)
    print(f"\n{name}: {rate / 1e6:.1f} million impressions a second")
    assert rate > least
