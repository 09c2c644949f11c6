"""How far facts are known: intervals that cover the truth as often as they say, and say nothing where nothing is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.calendar import Calendar, Promotion
from simulator.histogram import LogHistogram
from simulator.log.facts import fact_sheet
from simulator.log.facts.delays import quantile_interval
from simulator.log.facts.gather import gather
from simulator.log.facts.groups import GROUPS, group_of
from simulator.log.facts.intervals import interval_of, of_share
from simulator.log.facts.sheet import sheet_of
from simulator.log.reader import Log
from simulator.log.writer import LogWriter
from simulator.units import DAY
from simulator.windows import Windows
from simulator.worlds.generate import generate
from simulator.worlds.settings import WorldSettings
from tests.simulator.log.logs import FEATURES, ORIGIN, small

WINDOWS = Windows(2 * DAY, DAY)
CALENDAR = Calendar.of([Promotion("sale", 5 * DAY, 6 * DAY)])
REPEATS = 400


def without_each(part, of, group):
    """Return the ratio of two sums without each group in turn."""
    parts, ofs = (np.bincount(group, values, GROUPS) for values in (part, of))
    return ((parts.sum() - parts) / (ofs.sum() - ofs)).tolist()


def covered(intervals, truth):
    return np.mean([low <= truth <= high for low, high in intervals])


def clustered(rng, users=300, mean=0.1, alike=0.3):
    """Rows of users whose own rates differ: the share's variance is some 1 + 9 alike times that of independent rows."""
    user = np.repeat(rng.integers(1 << 62, size=users), 10)
    rate = np.repeat(rng.beta(mean * (1 / alike - 1), (1 - mean) * (1 / alike - 1), users), 10)
    return group_of(user), (rng.random(len(user)) < rate).astype(float)


@pytest.mark.parametrize("alike", [0.001, 0.3])
def test_a_share_is_covered_whether_or_not_rows_of_a_user_are_alike(alike):
    rng, found, naive = np.random.default_rng(1), [], []
    for _ in range(REPEATS):
        group, hit = clustered(rng, alike=alike)
        share, ones = hit.mean(), np.ones(len(hit))
        found.append(interval_of(share, without_each(hit, ones, group), len(hit)))
        naive.append(of_share(share, len(hit), 0.0, 0))
    assert 0.93 <= covered(found, 0.1) <= 0.99
    assert (covered(naive, 0.1) < 0.8) == (alike > 0.1)


def test_a_ratio_of_sums_is_covered():
    """GMV of a click that pays: neither a share nor a mean of independent rows."""
    rng, found = np.random.default_rng(2), []
    for _ in range(REPEATS):
        user = np.arange(400)
        pays, taste = rng.poisson(3.0, 400), rng.lognormal(0.0, 0.5, 400)
        amount = pays * taste
        rests = without_each(amount, pays.astype(float), group_of(user))
        found.append(interval_of(amount.sum() / pays.sum(), rests, None))
    assert 0.92 <= covered(found, np.exp(0.125)) <= 0.98


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_a_quantile_is_covered(share):
    rng, found = np.random.default_rng(3), []
    pace = rng.lognormal(0.0, 1.0, 10**6) * rng.lognormal(0.0, 1.0, 10**6)
    for _ in range(REPEATS // 2):
        user = np.repeat(np.arange(200), 5)
        values = np.repeat(rng.lognormal(0.0, 1.0, 200), 5) * rng.lognormal(0.0, 1.0, 1000)
        histogram = LogHistogram(GROUPS, 0, 45)
        histogram.add(group_of(user).astype(np.int64), values * 1e6)
        parts = [histogram.of(group) for group in range(GROUPS)]
        found.append(quantile_interval(histogram.of(), parts, share))
    assert 0.92 <= covered(found, np.quantile(pace, share) * 1e6) <= 0.99


def test_none_and_all_of_the_rows_bound_the_share_on_one_side():
    nothing, everything = (interval_of(x, [x] * GROUPS, 100) for x in (0.0, 1.0))
    assert nothing == pytest.approx((0.0, 1 - 0.025 ** (1 / 100)))
    assert everything == pytest.approx((0.025 ** (1 / 100), 1.0))


def test_one_user_tells_nothing_and_a_fact_that_never_moves_neither():
    assert interval_of(0.3, [0.2], 100) is None
    assert interval_of(0.3, [], 100) is None
    assert interval_of(2.0, [2.0] * GROUPS, None) is None
    assert interval_of(2.0, [2.0] * 31 + [2.5], None) is None


def test_groups_that_have_no_part_in_a_fact_do_not_make_it_surer():
    """Three users with a value each are three, whatever else the log holds."""
    three = [2.5, 2.0, 1.5]
    assert interval_of(2.0, three + [2.0] * 29, None) == interval_of(2.0, [2.5, 1.5], None)
    low, high = interval_of(2.0, [2.6, 2.1, 1.3] + [2.0] * 29, None)
    assert (low, high) == pytest.approx(interval_of(2.0, [2.6, 2.1, 1.3], None))


def written(path, memory, user, keep):
    """Write the clicks ``keep`` with their events; the log ends when it ended with all of them."""
    place = np.cumsum(keep) - 1
    event = memory.event[keep[memory.event.row]]
    end = int(max(memory.click_time[-1], memory.event.time.max()))
    with LogWriter(path, name="some", origin=ORIGIN, features=FEATURES) as writer:
        ids = {"user_id": user[keep], "item_id": (np.arange(len(user)) % 5)[keep]}
        writer.clicks(time=memory.click_time[keep], **ids, features=memory.feature_matrix[keep])
        writer.events(row=place[event.row], time=event.time, kind=event.kind, amount=event.amount)
        writer.close(end)
    return Log.open(path)


def test_facts_without_a_group_are_those_of_the_log_without_its_users(tmp_path):
    memory = small(5, 3000, WINDOWS)
    user = np.arange(3000) % 60
    whole = written(tmp_path / "log", memory, user, np.ones(3000, bool))
    found = gather(whole, WINDOWS, CALENDAR, parts=True)
    assert len(found.parts) == GROUPS
    assert sum(part.clicks for part in found.parts) == 3000
    for group in (int(group_of(user)[0]), int(group_of(user)[-1])):
        rest = written(tmp_path / f"{group}", memory, user, group_of(user) != group)
        wanted = fact_sheet(rest, WINDOWS, CALENDAR).values
        values = sheet_of(found.without(found.parts[group])).values
        assert values.keys() == wanted.keys()
        for name, value in wanted.items():
            assert values[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


def test_intervals_do_not_change_the_facts_and_hold_them(tmp_path):
    settings = WorldSettings.model_validate({"days": 8, "clicks_per_day": 2_000, "cvr": 0.2})
    generate(settings, WINDOWS, 864_000_000, 3, tmp_path / "log")
    log = Log.open(tmp_path / "log")
    plain, sheet = fact_sheet(log, WINDOWS), fact_sheet(log, WINDOWS, intervals=True)
    assert plain.intervals is None
    assert replace(sheet, intervals=None) == plain
    for name in ("cvr", "pays_per_click", "click_pay.p50", "gmv_per_click", "ln_amount.sd", "hour.pays.12"):
        low, high = sheet.intervals[name]
        assert low < sheet.values[name] < high, name
    rows = sheet.rows["cvr"]
    half = (sheet.intervals["cvr"][1] - sheet.intervals["cvr"][0]) / 2
    assert half == pytest.approx(1.96 * (0.2 * 0.8 / rows) ** 0.5, rel=0.5)


def test_one_user_leaves_every_fact_without_an_interval(tmp_path):
    memory = small(5, 500, WINDOWS)
    log = written(tmp_path / "log", memory, np.zeros(500, np.int64), np.ones(500, bool))
    sheet = fact_sheet(log, WINDOWS, intervals=True)
    assert sheet.intervals == {}
    assert sheet.value("cvr") is not None


def test_a_log_without_pays_says_how_few_there_can_be(tmp_path):
    memory = small(5, 500, WINDOWS)
    memory.event = memory.event[:0]
    with LogWriter(tmp_path / "log", name="none", origin=ORIGIN, features=FEATURES) as writer:
        user = np.arange(500)
        writer.clicks(time=memory.click_time, user_id=user, item_id=user, features=memory.feature_matrix)
        writer.close(int(memory.click_time[-1]) + WINDOWS.lifetime)
    sheet = fact_sheet(Log.open(tmp_path / "log"), WINDOWS, intervals=True)
    for name in ("cvr", "pays_per_click"):
        low, high = sheet.intervals[name]
        assert low == 0
        assert high == pytest.approx(3.7 / sheet.rows[name], rel=0.02)
