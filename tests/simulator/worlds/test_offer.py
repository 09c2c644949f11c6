"""Features of the offer, and the prominence of the cart: a fair coin that moves carts alone."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from simulator.units import DAY, HOUR
from simulator.worlds.generate import World
from simulator.worlds.presets import merged
from simulator.worlds.settings import CARDINALITIES, OFFER, WorldSettings
from tests.simulator.worlds.small import LIMIT, world, z_of_mean, z_of_rate
from tests.simulator.worlds.test_revisit import BASE, SALE, WINDOWS, Happened

FIRST = len(CARDINALITIES)
SALES = [
    {"name": "a", "start": "3d", "length": "12h", "price": {"discount": 0.3}, "waiting": {"onset": "1d"}, "anticipation": "2d"},
    {
        "name": "b",
        "start": "30d",
        "participation": 0.5,
        "price": {"discount": 0.1},
        "coupon": {"repurchase": 1.0},
        "waiting": {"onset": "1d"},
    },
]  # fmt: skip
SMALL = {"days": 32, "clicks_per_day": 300, "users": 300, "items": 200}


def test_the_offer_is_what_the_calendar_says():
    one = world(seed=2, **SMALL, offer=["days_to_sale", "price", "coupon", "discount"], promotion=SALES)
    assert list(one.settings.sizes())[FIRST:] == list(OFFER)
    part = one.following.participation.flags
    for day in one.days():
        price, discount, coupon, days_to_sale = day.features[FIRST:]
        a, b = day.time < 3 * DAY + 12 * HOUR, day.time >= 3 * DAY + 12 * HOUR
        on = (day.time // DAY == 3) & a | (day.time // DAY == 30)
        takes = part(day.item_id)[1]
        coming = np.select([a, day.time < 31 * DAY], [3 * DAY, 30 * DAY], 99 * DAY) - day.time
        np.testing.assert_array_equal(days_to_sale, np.where(on, 0, np.minimum(coming // DAY + 1, 15)))
        told_b = b & takes & (day.time >= 27 * DAY) & (day.time < 31 * DAY)
        told_a = a & (day.time >= DAY)
        np.testing.assert_array_equal(discount > 0, told_a | told_b)
        np.testing.assert_array_equal(coupon > 0, told_b)
        # One category has one discount in a sale; it grows with the depth of its deals.
        depth = discount[told_a], day.features[13][told_a]
        if len(depth[0]):
            assert np.corrcoef(*depth)[0, 1] > 0.7
        assert price.max() < 32
    assert discount.max() <= 15


def test_prices_fall_in_the_sale_for_who_takes_part():
    one = world(seed=2, **SMALL | {"days": 5}, offer=["price"], promotion=[SALES[0] | {"participation": 0.5}])
    prices: dict[tuple[int, bool], set[int]] = {}
    for day in one.days():
        on = (day.time >= 3 * DAY) & (day.time < 3 * DAY + 12 * HOUR)
        for item, sold, price in zip(
            day.item_id.tolist(), on.tolist(), day.features[FIRST].tolist(), strict=True
        ):
            prices.setdefault((item, sold), set()).add(price)
    assert all(len(known) == 1 for known in prices.values())
    both = [item for item, sold in prices if sold and (item, False) in prices]
    fell = np.array([min(prices[item, True]) < min(prices[item, False]) for item in both])
    takes = one.following.participation.flags(np.array(both))[0]
    assert fell[takes].mean() > 0.8
    assert not fell[~takes].any()


def test_further_features_change_nothing_else():
    settings = SMALL | {"days": 4, "impressions": True, "promotion": SALES[:1]}
    plain = world(seed=2, **settings)
    more = world(seed=2, **settings, offer=list(OFFER), cart={"prominence": 1e-12})
    assert list(more.settings.sizes())[FIRST:] == [*OFFER, "cart_prominence"]
    for one, other in zip(plain.days(), more.days(), strict=True):
        np.testing.assert_array_equal(one.features, other.features[:FIRST])
        np.testing.assert_allclose(one.events.time, other.events.time, rtol=0, atol=1000)
        other_shown = list(other.shown)
        for few, many in zip(one.shown, other_shown, strict=True):
            np.testing.assert_array_equal(few.features, many.features[:, :FIRST])
        shown = {
            at: row
            for many in other_shown
            for at, row in zip(many.click_time.tolist(), many.features.tolist(), strict=True)
            if at >= 0
        }
        assert [shown[at] for at in other.time.tolist()] == other.features.T.tolist()


def test_an_offer_has_its_names():
    with pytest.raises(ValidationError, match="discount"):
        WorldSettings.model_validate({"offer": ["discuont"]})


def test_the_prominence_of_the_cart_is_an_instrument():
    """A fair coin, independent of the intent and of both potential outcomes; it moves carts, and recovers what they do."""
    sale = merged(SALE, {"revisit": {"level": -1.5, "slope": 0.5}})
    tables = {
        "clicks_per_day": 25_000,
        "confounder": {"strength": 1.0},
        "cart": {"prominence": 1.0, "rate": 0.3},
    }
    settings = WorldSettings.model_validate(BASE | tables | {"promotion": [sale]})
    days = list(World(settings, WINDOWS, 0, 3).days())
    seen = Happened(days, settings.promotion)
    coin = np.concatenate([d.features[FIRST] for d in days])
    assert abs(z_of_rate(coin, np.full(len(coin), 0.5))) < LIMIT
    for column in ("intent", "delayed_if_none", "delayed_if_cart", "p_delayed_if_cart"):
        assert abs(z_of_mean((2.0 * coin - 1) * seen.truth[column])) < LIMIT, column
    assert abs(z_of_mean((2.0 * coin - 1) * seen.direct)) < LIMIT
    open_ = seen.before & ~seen.direct
    carted, delayed, z = seen.carted[open_], seen.delayed[open_].astype(float), coin[open_] > 0
    up, down = carted[z], carted[~z]
    assert up.mean() > 2 * down.mean()
    # Wald's estimate, against what a cart does to those whom the coin makes put it there.
    truth = {name: column[open_] for name, column in seen.truth.items()}
    hazard = -np.log1p(-truth["p_cart"])
    low, high = (hazard * np.exp(np.where(z, a, b)) for a, b in ((-2.0, 0.0), (0.0, 2.0)))
    moved = np.exp(-low) - np.exp(-high)
    effect = np.average(truth["delayed_if_cart"] - truth["delayed_if_none"], weights=moved)
    gap = up.mean() - down.mean()
    wald = (delayed[z].mean() - delayed[~z].mean()) / gap
    error = np.sqrt(delayed[z].var() / z.sum() + delayed[~z].var() / (~z).sum()) / gap
    assert abs(wald - effect) < LIMIT * error
    assert effect > LIMIT * error
    # Who carts and who does not differ by far more than that: the intent.
    assert delayed[carted].mean() - delayed[~carted].mean() > effect + LIMIT * error
