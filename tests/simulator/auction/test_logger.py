"""The logging bidder, against one auction at a time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from simulator.auction.logger import Averages, lost_before
from simulator.auction.offers import Market
from simulator.auction.settings import AuctionBlock
from simulator.calendar import NO_PROMOTIONS
from simulator.log.schema import Feature
from tests.simulator.pipeline.looped import START, WINDOWS, WORLD
from tests.simulator.shown import Told


class Plain(Told):
    """A log that does not know the truth."""

    has_exposure = False


def plain() -> Plain:
    """Return the log, with features that have names; the last one has five ids."""
    own = {name: getattr(WORLD, name) for name in Told.__dataclass_fields__}
    shown = WORLD.impression
    assert shown is not None
    features = shown.features.copy()
    features[:, 2] = shown.rows % 5
    names = (Feature("place", 1 << 20), Feature("row", 1 << 20), Feature("group", 5))
    return Plain(**own | {"impression": replace(shown, features=features), "features": names})


PLAIN = plain()
RATES = Averages(ctr=0.2, cvr=0.5, amount=4.0)


def settings(**more: object) -> AuctionBlock:
    return AuctionBlock.model_validate({"rivals": {"bid": 0.2}, "history": "won", **more})


def lost(of: AuctionBlock, seed: int = 3):
    return lost_before(PLAIN, of, RATES, NO_PROMOTIONS, WINDOWS, seed, START)


def offered(of: AuctionBlock):
    return Market(PLAIN, of, NO_PROMOTIONS, WINDOWS, 3, 0, START).take(START)


def test_who_misjudges_nothing_loses_what_rivals_want_more():
    of = settings(logger={"spread": 0})
    gone, offers = lost(of), offered(of)
    places = [
        p for p, rivals in zip(offers.place, offers.rivals[:, 0], strict=True) if rivals >= 0.2 * 0.5 * 4.0
    ]
    assert 0 < len(places) < len(offers)
    assert gone.impressions.tolist() == places
    rows = offers.click_row[np.isin(offers.place, places)]
    assert gone.clicks.tolist() == sorted(rows[rows >= 0].tolist())
    assert len(gone.clicks)


def test_an_id_is_misjudged_always_alike():
    """The bids that were lost and won say between which bounds each id's factor lies: no id contradicts itself."""
    of = settings(logger={"feature": "group", "spread": 2.0})
    gone, offers = lost(of), offered(of)
    won = ~np.isin(offers.place, gone.impressions)
    price = offers.rivals[:, 0]
    assert won.any()
    assert not won.all()
    for group in np.unique(offers.features[:, 2]):
        mine = offers.features[:, 2] == group
        assert max(price[mine & won], default=0.0) < min(price[mine & ~won], default=np.inf)


@pytest.mark.parametrize(
    "more",
    [
        {"budget": 0.01},
        {"slots": [1.0, 0.5]},
        {"bidder": {"kind": "target-cpa", "target": 0.1}},
        {"exploration": "epsilon"},
    ],
)
def test_who_bids_in_the_stream_is_no_matter(more):
    for a, b in pairwise((settings(), settings(**more))):
        np.testing.assert_array_equal(lost(a).impressions, lost(b).impressions)


def test_with_another_seed_another_log():
    assert lost(settings()).impressions.tolist() != lost(settings(), 4).impressions.tolist()
