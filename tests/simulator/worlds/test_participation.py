"""Items that take part in a promotion, and those that do not: each as if all did, or none."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.log.schema import Kind
from simulator.units import DAY
from simulator.worlds.participation import Participation
from simulator.worlds.presets import merged
from simulator.worlds.promotion_settings import WorldPromotion
from tests.simulator.worlds.small import LIMIT, outcome, world, z_values

SALES = [
    {"name": "a", "start": "2d", "waiting": {"onset": "1d"}, "revisit": {}, "coupon": {"conversion": 0.5}},
    {"name": "b", "start": "5d", "waiting": {"onset": "2d"}},
]
BASE = {
    "days": 7,
    "clicks_per_day": 800,
    "cvr": 0.2,
    "users": 800,
    "items": 400,
    "confounder": {"strength": 0.5},
}


def live(*shares, **settings):
    sales = [merged(sale, {"participation": share}) for sale, share in zip(SALES, shares, strict=True)]
    return world(seed=4, **BASE | settings, promotion=sales)


def test_a_promotion_keeps_its_items_whatever_others_there_are():
    sales = [
        WorldPromotion(name=n, start=f"{d}d", participation=s) for n, d, s in (("a", 2, 0.5), ("b", 5, 0.2))
    ]
    items = np.arange(20_000)
    one, both, other = Participation(sales[:1], 3), Participation(sales[::-1], 3), Participation(sales, 4)
    flags = both.flags(items)
    np.testing.assert_array_equal(one.flags(items)[0], flags[0])
    assert flags.mean(1) == pytest.approx([0.5, 0.2], abs=4 * 0.5 / np.sqrt(20_000))
    assert (flags[0] & flags[1]).mean() == pytest.approx(0.1, abs=0.01)
    assert (other.flags(items)[0] == flags[0]).mean() == pytest.approx(0.5, abs=0.02)
    time = np.array([0, 3 * DAY - 1, 3 * DAY, 6 * DAY, 9 * DAY])
    np.testing.assert_array_equal(
        both.of_next(time, items[:5]), [flags[0, 0], flags[0, 1], flags[1, 2], False, False]
    )
    assert not both.all_items
    assert Participation([WorldPromotion(name="a", start="2d")], 3).all_items


def test_each_item_lives_as_if_all_took_part_or_none():
    """Clicks, events and truth are those of the world in which all items take part in the same promotions."""
    mixed = live(0.5, 0.6)
    flags = {day.day: mixed.following.participation.flags(day.item_id) for day in live(0.5, 0.6).days()}
    pure = {(a, b): list(live(a, b).days()) for a in (0, 1) for b in (0, 1)}
    seen = set()
    for day in mixed.days():
        row = day.events.row
        for (a, b), days in pure.items():
            other = days[day.day]
            np.testing.assert_array_equal(day.features, other.features)
            mine = (flags[day.day] == np.array([[a], [b]])).all(0)
            seen.add((a, b, bool(mine.any())))
            for name, column in day.truth.items():
                if name != "participating":
                    # To rounding: integrals are sums over another calendar where a sale is far off.
                    np.testing.assert_allclose(column[mine], other.truth[name][mine], rtol=1e-6, atol=1e-9)
            for column in ("time", "kind", "amount"):
                one, two = (getattr(d.events, column)[mine[d.events.row]] for d in (day, other))
                np.testing.assert_allclose(one, two, rtol=0, atol=1000 if column == "time" else 0.011)
        np.testing.assert_array_equal(np.bincount(row, minlength=len(day.time)).shape, day.time.shape)
        assert (np.diff(day.events.time) >= 0).all()
        of_next = mixed.following.participation.of_next(day.time, day.item_id)
        np.testing.assert_array_equal(day.truth["participating"], of_next)
    assert seen == {(a, b, True) for a in (0, 1) for b in (0, 1)}


def test_what_is_shown_knows_who_takes_part():
    settings = {"days": 3, "impressions": True, "exposure": {"rate": 0.2}}
    sales = SALES[:1]
    worlds = [
        world(seed=4, **BASE | settings, promotion=[merged(sales[0], {"participation": share})])
        for share in (0.5, 0, 1)
    ]
    flags = worlds[0].following.participation.flags
    for mixed, none, every in zip(*(one.days() for one in worlds), strict=True):
        for some, without, all_of_them in zip(mixed.shown, none.shown, every.shown, strict=True):
            part = flags(some.item_id)[0]
            for name in ("p_pay", "q", "q0", "q1"):
                expected = np.where(part, getattr(all_of_them, name), getattr(without, name))
                np.testing.assert_allclose(getattr(some, name), expected, rtol=1e-6)


def test_nobody_pays_more_for_what_takes_no_part():
    sale = {"name": "s", "start": "6d", "participation": 0.0}
    days = list(world(seed=5, days=10, clicks_per_day=6_000, cvr=0.12, promotion=[sale]).days())
    outcomes = [outcome(day, "sale" if day.day == 6 else "other") for day in days]
    for phase in ("sale", "other"):
        for name, z in z_values(outcomes, phase).items():
            assert abs(z) < LIMIT, (phase, name)
    pays = np.array([(d.events.kind == Kind.PAY).sum() / len(d.time) for d in days])
    assert pays[6] < 1.15 * np.delete(pays, 6).mean()  # but for tastes of the day
    # What the shop does for all of its items it does for these: clicks, carts.
    assert len(days[6].time) > 1.5 * len(days[2].time)
