"""A log in a time zone: features, facts and days against the zone asked row by row."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulator.calendar import Calendar, Promotion
from simulator.errors import LogError
from simulator.log.facts.gather import gather
from simulator.log.facts.phases import day_facts
from simulator.log.memory import random_log
from simulator.log.meta import read_meta
from simulator.log.reader import Log
from simulator.randomness import generator
from simulator.report import numbers
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.commands import sim_here
from tests.simulator.log import logs

WINDOWS = Windows(DAY, DAY)


def zoned(path, zone, *day):
    """Write a random log of ten days whose origin is a local midnight."""
    log = random_log(generator(3, "zoned"), 1500, WINDOWS, days=10)
    logs.write(path, log)
    origin = datetime(*day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    meta = path / "meta.toml"
    text = meta.read_text(encoding="utf-8")
    text = text.replace("origin = 2024-05-01T00:00:00Z", f"origin = {origin:%Y-%m-%dT%H:%M:%SZ}")
    assert 'time_zone = "UTC"' in text
    meta.write_text(text.replace('time_zone = "UTC"', f'time_zone = "{zone}"'), encoding="utf-8")
    return log, origin


CASES = [("America/New_York", 2025, 3, 6), ("America/New_York", 2025, 10, 30), ("Asia/Shanghai", 2025, 11, 5)]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} {case[2]}")
def case(request, tmp_path):
    log, origin = zoned(tmp_path / "log", *request.param)
    zone = ZoneInfo(request.param[0])
    local = [
        (origin + timedelta(microseconds=int(t))).astimezone(zone).replace(tzinfo=None)
        for t in log.click_time
    ]
    return tmp_path / "log", log, local


def test_hour_and_weekday_are_local(case):
    path, _, local = case
    (matrix,) = logs.gather(Log.open(path, time_features=True).clicks(), "features")
    np.testing.assert_array_equal(matrix[:, -2], [moment.hour for moment in local])
    np.testing.assert_array_equal(matrix[:, -1], [moment.weekday() for moment in local])


def test_days_and_hours_of_the_facts_are_local(case):
    path, _, local = case
    opened = Log.open(path)
    days = np.array([(m.date() - local[0].date()).days for m in local])
    found = gather(opened, WINDOWS, Calendar())
    by_hour = np.zeros_like(found.hourly["clicks"])
    np.add.at(by_hour, 24 * days + [m.hour for m in local], 1)
    np.testing.assert_array_equal(found.hourly["clicks"], by_hour)
    facts = day_facts(opened, WINDOWS, Calendar())
    assert [fact.clicks for fact in facts] == np.unique(days, return_counts=True)[1].tolist()
    lengths = [round(fact.clicks * 24 / fact.clicks_per_day) for fact in facts]
    changed = {("3", 23), ("10", 25)}
    month = str(local[0].month)
    assert lengths == [
        next((h for m, h in changed if m == month and "New" in str(opened.clock.zone) and day == 3), 24)
        for day in range(len(lengths))
    ]


def test_times_are_shown_in_it(case):
    path, log, local = case
    clock = Log.open(path).clock
    summary = {"origin": clock.origin.isoformat(), "time_zone": clock.zone}
    for time, moment in zip(log.click_time[::97].tolist(), local[::97], strict=True):
        assert numbers.instant(time, numbers.clock_of(summary)) == f"{moment:%Y-%m-%d %H:%M}"
        assert clock.said(time).startswith(f"day {(moment.date() - local[0].date()).days} {moment:%H:%M:%S}")


def test_ordinary_days_around_a_sale_are_local(tmp_path):
    zoned(tmp_path / "log", "America/New_York", 2025, 10, 30)
    log = Log.open(tmp_path / "log")
    midnight = log.clock.instant(5 * DAY)
    assert midnight == 5 * DAY + HOUR
    sale = Calendar.of([Promotion("s", midnight, midnight + DAY, DAY)], log.clock)
    found = gather(log, WINDOWS, sale)
    assert found.days >= 12
    assert found.ordinary.tolist() == [False] * 10 + [True] * (found.days - 10)  # days -11 to 4 around day 5


def test_an_older_log_is_in_utc_and_an_unknown_zone_is_damage(tmp_path):
    logs.write(tmp_path / "log", logs.small(1))
    meta = tmp_path / "log" / "meta.toml"
    text = meta.read_text(encoding="utf-8")
    meta.write_text(text.replace('time_zone = "UTC"\n', ""), encoding="utf-8")
    assert read_meta(tmp_path / "log").time_zone == "UTC"
    meta.write_text(text.replace('"UTC"', '"Asia/Shangai"'), encoding="utf-8")
    with pytest.raises(LogError, match=r"is damaged .*unknown time zone 'Asia/Shangai'.*'Asia/Shanghai'"):
        read_meta(tmp_path / "log")


def test_a_promotion_by_date_is_described(tmp_path):
    zoned(tmp_path / "log", "Asia/Shanghai", 2025, 11, 5)
    words = ("describe", tmp_path / "log", "--windows", "1d", "--promotion")
    by_date = sim_here(*words, "2025-11-11..2025-11-12").stdout
    assert "promotion-1" in by_date
    assert by_date == sim_here(*words, "6d..7d").stdout
    for wrong in ("2025-11-11..soon", "2025-11-12..2025-11-11", "2025-11-11"):
        assert f"--promotion {wrong}" in sim_here(*words, wrong, code=2).stderr
