"""Local time of a log, against the time zone asked row by row."""

# ruff: noqa: DTZ001 - local times have no zone, that is the point

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.clock import UTC_CLOCK, Clock, zone_of
from simulator.units import DAY, HOUR, MINUTE, SECOND

NEW_YORK = ZoneInfo("America/New_York")
MICRO = timedelta(microseconds=1)


def clock_of(zone: str, *day: int) -> Clock:
    return Clock(datetime(*day, tzinfo=ZoneInfo(zone)).astimezone(UTC), zone)


def slow_local(clock: Clock, time: int) -> int:
    """Microseconds that a wall clock of the zone is ahead of day 0's midnight, one instant at a time."""
    zone = ZoneInfo(clock.zone)
    wall = (clock.origin + time * MICRO).astimezone(zone).replace(tzinfo=None)
    midnight = datetime.combine(clock.origin.astimezone(zone).date(), datetime.min.time())
    return (wall - midnight) // MICRO


CLOCKS = [
    clock_of("America/New_York", 2025, 3, 3),  # clocks go forward on the 9th
    clock_of("America/New_York", 2025, 10, 27),  # and back on 2 November
    clock_of("Asia/Shanghai", 2025, 11, 1),
    clock_of("Australia/Lord_Howe", 2025, 3, 30),  # by half an hour, on 6 April
    clock_of("Europe/London", 1995, 3, 20),
]


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda c: f"{c.zone} {c.first_date}")
def test_local_time_is_that_of_the_zone_row_by_row(clock):
    rng = np.random.default_rng(0)
    time = np.concatenate([np.arange(0, 16 * DAY, 7 * MINUTE), rng.integers(0, 16 * DAY, 3000)])
    local = clock.local(time)
    assert local.tolist() == [slow_local(clock, int(t)) for t in time]
    # The way back is the same, but for the second pass of a repeated hour.
    back = clock.instants(local)
    again = clock.local(back)
    assert (again == local).all()
    assert (back <= time).all()
    assert set(np.unique(time - back)) <= {0, HOUR, HOUR // 2}


@given(st.sampled_from(CLOCKS), st.integers(0, 400 * DAY))
def test_any_instant(clock, time):
    assert clock.one(time) == slow_local(clock, time)


def test_the_edge_of_a_change_is_exact_to_the_microsecond():
    clock = CLOCKS[0]
    edge = clock.at(datetime(2025, 3, 9, 3))
    assert [clock.one(edge - 1) % DAY, clock.one(edge) % DAY] == [2 * HOUR - 1, 3 * HOUR]


def test_a_repeated_time_is_the_first_and_a_skipped_one_goes_forward():
    back, forward = CLOCKS[1], CLOCKS[0]
    twice = datetime(2025, 11, 2, 1, 30)
    assert back.at(twice) == (twice.replace(tzinfo=NEW_YORK, fold=0) - back.origin) // MICRO
    assert not back.skipped(twice)
    never = datetime(2025, 3, 9, 2, 30)
    assert forward.skipped(never)
    assert forward.moment(forward.at(never)) == datetime(2025, 3, 9, 3, 30)


def test_dates_and_datetimes():
    clock = clock_of("Asia/Shanghai", 2025, 11, 1)
    assert clock.at(date(2025, 11, 11)) == 10 * DAY
    assert clock.at(datetime(2025, 11, 11, 20)) == 10 * DAY + 20 * HOUR
    assert clock.at(datetime(2025, 11, 11, tzinfo=UTC)) == 10 * DAY + 8 * HOUR
    assert clock.at(datetime(2025, 10, 31)) == -DAY
    new_york = clock_of("America/New_York", 2025, 11, 1)
    assert new_york.at(date(2025, 11, 3)) == 2 * DAY + HOUR
    assert new_york.said(2 * DAY + HOUR + SECOND) == "day 2 00:00:01"


def test_in_utc_nothing_changes():
    time = np.arange(-5, 5) * HOUR
    for clock in (UTC_CLOCK, Clock(datetime(2025, 4, 30, 16, tzinfo=UTC))):
        assert clock.local(time) is time
        assert clock.instants(time) is time
    assert Clock(datetime(2025, 4, 30, 16, tzinfo=UTC)).first_date == date(2025, 5, 1)
    assert Clock(datetime(2025, 5, 1, tzinfo=UTC)).at(date(2025, 5, 2)) == DAY
    assert (clock_of("Etc/UTC", 2025, 5, 1).local(time) == time).all()


def test_a_stray_instant_costs_nothing():
    clock = clock_of("America/New_York", 2025, 11, 1)
    time = np.array([0, 7900 * 365 * DAY, -2000 * 365 * DAY])
    assert clock.local(time)[0] == 0


def test_unknown_zone():
    with pytest.raises(ValueError, match=r"unknown time zone 'Asia/Shangai'.* Did you mean 'Asia/Shanghai'"):
        zone_of("Asia/Shangai")
    for odd in ("", "America", "../x", 3):
        with pytest.raises(ValueError, match=r"unknown time zone"):
            zone_of(odd)


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Shanghai", "UTC"]
)
def test_clocks_that_are_put_back(zone):
    clock = Clock(datetime(2019, 5, 1, tzinfo=UTC), zone)
    found = clock.put_back(0, 4 * 365 * DAY)
    assert len(found) == (0 if zone in ("UTC", "Asia/Shanghai") else 4)
    for time, by in found:
        assert clock.one(time) - clock.one(time - 1) == 1 - by
        assert by == (HOUR // 2 if "Howe" in zone else HOUR)
        assert clock.put_back(time - HOUR, time + HOUR) == [(time, by)]
    assert clock.put_back(1, 0) == []
