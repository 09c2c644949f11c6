from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from simulator.log.reader import Log
from simulator.log.schema import Kind
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from simulator.worlds.arrivals import zipf_rank
from simulator.worlds.cache import cached_world, world_key
from simulator.worlds.constants import CLICK_SHARE, WEEKDAY_CLICKS
from simulator.worlds.generate import World, generate
from simulator.worlds.observed import with_observed
from simulator.worlds.settings import CARDINALITIES, WorldSettings
from simulator.worlds.truth import OBSERVED
from tests.simulator.worlds.small import OBSERVATION, SALE_DAY, WINDOWS, world

SMALL = {"days": 3, "clicks_per_day": 400, "users": 500, "items": 300}


def shares(sale_world, kind):
    """Return events of a kind per click, by the calendar day of the event."""
    time = np.concatenate([d.events.time[d.events.kind == kind] for d in sale_world])
    counts = np.bincount(time // DAY, minlength=len(sale_world))[: len(sale_world)]
    return counts / np.array([len(d.time) for d in sale_world])


def test_before_the_sale_clicks_wait_and_on_the_day_they_pay(sale_world):
    pays, carts = shares(sale_world, Kind.PAY), shares(sale_world, Kind.CART)
    clicks = np.array([len(d.time) for d in sale_world])
    assert pays[SALE_DAY - 1] < pays[SALE_DAY - 2] < pays[SALE_DAY - 5]
    assert pays[SALE_DAY] > 2 * pays[SALE_DAY - 1]
    assert carts[SALE_DAY - 1] > 1.05 * carts[SALE_DAY - 5]
    assert clicks[SALE_DAY] > 1.5 * clicks[SALE_DAY - 6]
    assert pays[SALE_DAY + 1] < 0.75 * pays[SALE_DAY]


def test_the_sale_peaks_at_midnight_and_its_labels_are_late(sale_world):
    time = np.concatenate([d.events.time[d.events.kind == Kind.PAY] for d in sale_world])
    on_day, ordinary = time // DAY == SALE_DAY, time // DAY == 3
    hours = np.bincount(time[on_day] // HOUR % 24, minlength=24) / on_day.sum()
    assert hours.argmax() == 0
    assert hours[0] > 2.5 * (time[ordinary] // HOUR % 24 == 0).mean()
    # Labels come true: the clicks of the day before convert more, though they pay less before the sale.
    p = [d.truth["p_pay"].mean() for d in sale_world]
    early = [d.truth["p_pay_observed"].sum() / d.truth["p_pay"].sum() for d in sale_world]
    assert p[SALE_DAY - 1] > 1.1 * p[2]
    assert early[SALE_DAY - 1] < 0.75 * early[2] < early[SALE_DAY]


def test_those_who_waited_return_on_the_day():
    def old_pays(returns):
        sale = {"name": "s", "start": "3d", "waiting": {"returns": returns}}
        days = world(seed=6, days=4, clicks_per_day=6_000, promotion=[sale]).days()
        events = [day.events for day in days][:3]
        return sum(((e.kind == Kind.PAY) & (e.time // DAY == 3)).sum() for e in events)

    nobody, some, all_of_them = old_pays(0.0), old_pays(0.54), old_pays(1.0)
    assert some > 1.2 * nobody
    assert all_of_them - nobody == pytest.approx((some - nobody) / 0.54, rel=0.25)


def test_each_part_of_a_promotion_acts_on_its_own_part():
    still = {
        "traffic": {"before": [], "during": 1, "opening": 0, "after": []},
        "conversion": {"interest": 0, "rush": 0, "base": 1, "opening": 0, "closing": 0, "dip": 0},
        "waiting": {"floor": 0, "rise": 0},
        "cart": {"during": 1, "after": 1},
        "refund": {"wave": 0},
        "repurchase": {"during": 1},
        "price": {"discount": 0},
        "taste": {"shift": 0},
    }
    base = {"days": 4, "clicks_per_day": 3_000, "cvr": 0.3}

    def live(**effect):
        sale = {"name": "s", "start": "2d"} | still | effect
        return list(world(seed=3, **base, promotion=[sale]).days())[2]

    plain = list(world(seed=3, **base).days())[2]
    quiet = live()
    same_clicks(plain, quiet)
    # A sale of multiplier 1 still acts through the response to its deals, whose mean is 1.
    for name, column in plain.truth.items():
        assert quiet.truth[name].mean() == pytest.approx(column.mean(), rel=0.05)
    cheap = live(price={"discount": 0.5})
    np.testing.assert_array_equal(cheap.events.time, quiet.events.time)
    np.testing.assert_array_equal(cheap.truth["p_pay"], quiet.truth["p_pay"])
    assert cheap.truth["expected_gmv"].sum() < 0.75 * quiet.truth["expected_gmv"].sum()
    wave = live(refund={"wave": 3.0})
    assert wave.truth["p_refund"].mean() > 1.5 * quiet.truth["p_refund"].mean()
    np.testing.assert_array_equal(wave.truth["p_pay"], quiet.truth["p_pay"])
    again = live(repurchase={"during": 3.0})
    assert again.truth["expected_gmv"].mean() > 1.05 * quiet.truth["expected_gmv"].mean()
    np.testing.assert_allclose(again.truth["p_refund"], quiet.truth["p_refund"])
    carts = live(cart={"during": 3.0, "after": 1.0})
    assert (carts.events.kind == Kind.CART).sum() > 1.3 * (quiet.events.kind == Kind.CART).sum()
    np.testing.assert_allclose(carts.truth["expected_gmv"], quiet.truth["expected_gmv"])
    crowd = live(traffic={"during": 2.0, "opening": 0.0})
    assert np.isin(quiet.time, crowd.time).all()
    assert len(crowd.time) == pytest.approx(2 * len(quiet.time), rel=0.1)
    few = live(traffic={"during": 0.3, "opening": 0.0})
    assert np.isin(few.time, quiet.time).all()


def test_refunds_return_at_most_what_was_paid(sale_world):
    for day in sale_world[::4]:
        events = day.events
        first, paid = np.full(len(day.time), 1 << 62), np.zeros(len(day.time))
        pay = np.flatnonzero(events.kind == Kind.PAY)[::-1]
        first[events.row[pay]], paid[events.row[pay]] = events.time[pay], events.amount[pay]
        back = events.kind == Kind.REFUND
        row = events.row[back]
        assert (events.amount[back] <= paid[row]).all()
        assert (events.amount[back] > 0).all()
        assert (events.time[back] > first[row]).all()
        assert len(np.unique(row)) == len(row)
        full = (events.amount[back] == paid[row]).mean()
        assert abs(full - 0.38) < 4 * np.sqrt(0.38 * 0.62 / len(row)) + 0.002
        np.testing.assert_allclose(events.amount * 100, np.rint(events.amount * 100), atol=1e-6)


def test_clicks_are_poisson_by_hour_and_weekday():
    days = list(world(days=14, clicks_per_day=20_000).days())
    counts = np.array([len(d.time) for d in days])
    level = WEEKDAY_CLICKS / WEEKDAY_CLICKS.mean()
    expected = 20_000 * level[(3 + np.arange(14)) % 7]
    assert stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), 14) > 1e-4
    hours = np.bincount(np.concatenate([d.time for d in days]) // HOUR % 24, minlength=24)
    share = CLICK_SHARE / CLICK_SHARE.sum() * hours.sum()
    assert stats.chi2.sf(((hours - share) ** 2 / share).sum(), 23) > 1e-4
    for day in days:
        assert (np.diff(day.time) >= 0).all()


def test_popularity_follows_zipf():
    rank = zipf_rank(np.random.default_rng(0).random(400_000), 1_000, 0.9)
    counts = np.bincount(rank, minlength=1_000)
    weight = (np.arange(1_000) + 3.5) ** -0.9  # the middle of each step of the continuous law
    assert counts[0] > 20 * counts[-1]
    np.testing.assert_allclose(counts[:50] / counts.sum(), weight[:50] / weight.sum(), rtol=0.05)
    assert zipf_rank(np.array([0.0, 1.0]), 7, 1.0).tolist() == [0, 6]


def test_cardinalities_are_respected_up_to_millions():
    sizes = {
        "user": 3_604_778,
        "item": 1_951_876,
        "category": 5,
        "tier": 2,
        "position_x_scenario": 16,
        "page": 8192,
    }
    days = list(world(**SMALL | {"clicks_per_day": 5_000, "users": 50_000}, cardinalities=sizes).days())
    features = np.concatenate([d.features for d in days], axis=1)
    limits = np.array(list((CARDINALITIES | sizes).values()))[:, None]
    assert features.shape[0] == 22
    assert ((features >= 0) & (features < limits)).all()
    assert features[0].max() > 3_000_000
    assert len(np.unique(features[0])) > 0.99 * len(np.unique(np.concatenate([d.user_id for d in days])))
    used = [len(np.unique(row)) for row in features]
    assert used[9] == 5
    assert all(
        n >= min(limit, 100) * 0.9 for n, limit in zip(used, limits[:, 0], strict=True) if limit <= 100
    )


def test_items_and_campaigns_come_and_go():
    days = list(world(seed=1, days=12, clicks_per_day=3_000, items=2_000).days())
    first, last = set(days[0].item_id.tolist()), set(days[-1].item_id.tolist())
    assert max(last) >= 2_000 > max(first)
    survived = np.mean([item < 2_000 for item in days[-1].item_id])
    assert abs(survived - (0.25 + 0.75 * np.exp(-11 / 15))) < 0.15  # weighted by popularity, hence wide
    assert len(set(days[0].features[19]) & set(days[-1].features[19])) == 0
    assert set(days[0].features[19]) & set(days[3].features[19])


def test_a_relation_that_is_frozen_decays():
    """What sells, by category, after days: the correlation with today falls, unless nothing drifts."""
    settings = {"days": 25, "clicks_per_day": 4_000, "users": 2_000, "items": 1_000}
    lives = list(world(seed=2, **settings).days())

    def by_category(day):
        total = np.bincount(day.features[9], day.eta, 60) / np.maximum(
            np.bincount(day.features[9], minlength=60), 1
        )
        return total - total.mean()

    table = np.array([by_category(day) for day in lives])

    def agreement(lag):
        pairs = [np.corrcoef(table[i], table[i + lag])[0, 1] for i in range(len(table) - lag)]
        return np.mean(pairs)

    near, middle, far = agreement(1), agreement(5), agreement(15)
    assert near > middle + 0.05 > far + 0.1
    still = {"category": 0, "taste": 0, "context": 0, "refund": 0, "level": 0}
    lives = list(world(seed=2, **settings, drift=still, churn={"evergreen": 1}).days())
    table = np.array([by_category(day) for day in lives])
    assert agreement(15) > agreement(1) - 0.05


def same_clicks(one, other):
    np.testing.assert_array_equal(one.time, other.time)
    np.testing.assert_array_equal(one.user_id, other.user_id)
    np.testing.assert_array_equal(one.item_id, other.item_id)
    np.testing.assert_array_equal(one.features, other.features)


def test_more_days_leave_the_earlier_ones_as_they_were():
    short, long = world(**SMALL), world(**SMALL | {"days": 6})
    for one, other in zip(short.days(), long.days(), strict=False):
        same_clicks(one, other)


def test_a_promotion_adds_clicks_and_changes_no_other():
    settings = {"days": 6, "clicks_per_day": 2_000}
    sale = {"name": "s", "start": "4d", "waiting": {"onset": "1d"}, "traffic": {"before": [1.5]}}
    plain = list(world(**settings).days())
    for one, other in zip(plain, world(**settings, promotion=[sale]).days(), strict=True):
        if one.day < 3:
            same_clicks(one, other)
            np.testing.assert_array_equal(one.eta, other.eta)
        kept = np.isin(other.time, one.time)
        assert kept.sum() == len(one.time)
        np.testing.assert_array_equal(one.features, other.features[:, kept])
    first = plain[0].events
    again = next(world(**settings, promotion=[sale]).days()).events
    earlier, same = first.time < 3 * DAY, again.time < 3 * DAY
    # To rounding: the integrals are sums over another calendar.
    np.testing.assert_allclose(first.time[earlier], again.time[same], atol=1000)
    np.testing.assert_array_equal(first.kind[earlier], again.kind[same])
    np.testing.assert_allclose(first.amount[earlier], again.amount[same], atol=0.011)


PROGRAM = """
import sys
from pathlib import Path
from simulator.windows import Windows
from simulator.worlds.generate import generate
from simulator.worlds.settings import WorldSettings
settings = WorldSettings.model_validate_json(sys.argv[1])
print(generate(settings, Windows(), 864_000_000, 7, Path(sys.argv[2])).fingerprint)
"""


def test_two_processes_with_different_hash_seeds_write_the_same_world(tmp_path):
    settings = WorldSettings.model_validate(SMALL | {"promotion": [{"name": "s", "start": "1d"}]})
    prints = set()
    for seed in ("1", "2"):
        command = [sys.executable, "-c", PROGRAM, settings.model_dump_json(), str(tmp_path / seed)]
        done = subprocess.run(
            command,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
            check=True,
        )
        prints.add(done.stdout)
    assert len(prints) == 1
    meta = generate(settings, WINDOWS, OBSERVATION, 8, tmp_path / "other")
    assert meta.fingerprint + "\n" not in prints


def test_the_log_holds_the_world(tmp_path):
    settings = WorldSettings.model_validate(SMALL)
    seen: list[float] = []
    meta = generate(settings, WINDOWS, OBSERVATION, 5, tmp_path / "log", progress=seen.append)
    days = list(world(**SMALL).days())
    log = Log.open(tmp_path / "log")
    assert seen == [1 / 3, 2 / 3, 1.0]
    assert [f.name for f in meta.features] == list(CARDINALITIES)
    assert meta.clicks == sum(len(d.time) for d in days)
    assert meta.events == sum(len(d.events) for d in days)
    assert meta.observed_until == days[-1].time[-1] + WINDOWS.lifetime
    truth = {name: np.concatenate([d.truth[name] for d in days]) for name in meta.truth}
    for row, columns in log.truth():
        for name, values in columns.items():
            np.testing.assert_array_equal(values, truth[name][row : row + len(values)])
    paid = np.concatenate([labels.converted for _, labels in log.labelled(WINDOWS, features=False)])
    expected = [np.isin(np.arange(len(d.time)), d.events.row[d.events.kind == Kind.PAY]) for d in days]
    np.testing.assert_array_equal(paid, np.concatenate(expected))


def race(cache: str) -> str:
    return str(cached_world(WorldSettings.model_validate(SMALL), WINDOWS, 5, Path(cache)))


def test_two_processes_that_race_for_a_world_both_get_it(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        places = set(pool.map(race, [str(tmp_path)] * 4))
    assert len(places) == 1
    place = Path(places.pop())
    assert {p.name for p in tmp_path.iterdir()} == {place.name, "locks"}
    before = place.stat().st_mtime_ns
    race(str(tmp_path))
    assert place.stat().st_mtime_ns == before


def test_a_damaged_world_is_made_again(tmp_path):
    place = Path(race(str(tmp_path)))
    whole = {p.relative_to(place): p.read_bytes() for p in place.rglob("*") if p.is_file()}
    for name in ("clicks/day=0000.parquet", "meta.toml"):
        (place / name).write_bytes((place / name).read_bytes()[:50])
        assert race(str(tmp_path)) == str(place)
        assert {p.relative_to(place): p.read_bytes() for p in place.rglob("*") if p.is_file()} == whole
    (place / "truth" / "day=0000.parquet").unlink()
    race(str(tmp_path))
    assert (place / "truth" / "day=0000.parquet").is_file()


def test_the_key_depends_on_everything_the_world_does():
    settings = WorldSettings()
    keys = {
        world_key(settings, WINDOWS, 1),
        world_key(settings, WINDOWS, 2),
        world_key(settings, Windows(WINDOWS.attribution, WINDOWS.refund + 1), 1),
        world_key(WorldSettings(days=26), WINDOWS, 1),
        world_key(WorldSettings.model_validate({"effects": {"user": 0.45}}), WINDOWS, 1),
    }
    assert len(keys) == 5
    assert world_key(WorldSettings(days=25), WINDOWS, 1) in keys


def test_the_truth_of_an_observation_window_is_made_apart(tmp_path):
    """To the bit what a world made for the window holds; the log without it says all the rest."""
    settings = WorldSettings.model_validate(SMALL)
    bare = Log.open(cached_world(settings, WINDOWS, 5, tmp_path))
    assert not set(OBSERVED) & set(bare.meta.truth)
    for observation in (OBSERVATION, 4 * OBSERVATION):
        generate(settings, WINDOWS, observation, 5, tmp_path / f"log-{observation}")
        whole = Log.open(tmp_path / f"log-{observation}")
        made = with_observed(bare, observation, tmp_path)
        assert made.meta.fingerprint == whole.meta.fingerprint
        assert made.meta.provenance == whole.meta.provenance
        for (_, one), (_, other) in zip(made.truth(), whole.truth(), strict=True):
            assert one.keys() == other.keys()
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])
    places = {p.name for p in tmp_path.iterdir()}
    with_observed(bare, OBSERVATION, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == places


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"days": 5, "promotion": [{"name": "s", "start": "5d"}]}, "after the world's 5d"),
        ({"promotion": [{"name": "s", "start": "5.01d"}]}, "whole hours"),
        ({"promotion": [{"name": "s", "start": "5d", "length": "0s"}]}, "longer than 0s"),
        ({"promotion": [{"name": "a", "start": "5d"}, {"name": "b", "start": "5d"}]}, "overlap"),
        ({"promotion": [{"name": "a", "start": "5d"}, {"name": "a", "start": "9d"}]}, "different names"),
        (
            {"promotion": [{"name": "a", "start": "5d", "waiting": {"floor": 0.7, "rise": 0.4}}]},
            "not exceed 1",
        ),
        (
            {"promotion": [{"name": "a", "start": "5d", "waiting": {"returns": 1.4}}]},
            "less than or equal to 1",
        ),
        ({"promotion": [{"name": "a", "start": "5d", "price": {"discount": 1}}]}, "less than 1"),
        ({"cardinalities": {"categroy": 10}}, "Did you mean 'category'?"),
        ({"cardinalities": {"category": 1}}, "greater than or equal to 2"),
        ({"cvr": 0}, "greater than 0"),
        ({"cvr": 1.2}, "less than 1"),
        ({"weekday": [1, 2]}, "seven numbers"),
        ({"churn": {"item_life": "0s"}}, "longer than 0s"),
        ({"effects": {"user": -1}}, "greater than or equal to 0"),
        ({"clicks_a_day": 3}, "Extra inputs"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message.replace("?", r"\?")):
        WorldSettings.model_validate(settings)


def test_without_a_refund_window_nothing_is_refunded():
    bare = World(WorldSettings(days=2, clicks_per_day=2000), Windows(DAY, 0), OBSERVATION, 0)
    for day in bare.days():
        assert np.all(day.truth["p_refund"] == 0)
        assert np.all((day.truth["p_pay"] > 0) & (day.truth["p_pay"] < 1))
