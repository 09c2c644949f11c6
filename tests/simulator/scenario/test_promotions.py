"""Promotions by date, and what is said of those that a run cannot show."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from simulator.clock import Clock
from simulator.errors import ScenarioError
from simulator.scenario.load import load_scenario
from simulator.scenario.promotions import promotion_warnings
from simulator.scenario.resolve import config_hash, to_toml
from simulator.scenario.timeline import Extent, timeline
from simulator.units import DAY, HOUR

SHANGHAI = Clock(datetime(2025, 11, 1, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC), "Asia/Shanghai")
NEW_YORK = Clock(
    datetime(2025, 10, 27, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC), "America/New_York"
)
TEXT = """
[data]
path = "shop"
[windows]
attribution = "1d"
refund = "1d"
[stream]
history = "3d"
segment = "6h"
[[method]]
method = "fnw"
"""


@pytest.fixture
def load(tmp_path):
    def load(promotions="", *overrides):
        path = tmp_path / "s.toml"
        path.write_text(TEXT + promotions)
        return load_scenario(path, overrides)

    return load


def sale(**keys):
    return "\n[[promotion]]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items()) + "\n"


@pytest.mark.parametrize(
    ("keys", "begin", "end"),
    [
        ({"start": '"10d"'}, 10 * DAY, 11 * DAY),
        ({"start": "2025-11-11"}, 10 * DAY, 11 * DAY),
        ({"start": '"2025-11-11"', "length": '"12h"'}, 10 * DAY, 10 * DAY + 12 * HOUR),
        ({"start": "2025-11-10T20:00:00", "end": "2025-11-12"}, 9 * DAY + 20 * HOUR, 11 * DAY),
        ({"start": "2025-11-10T20:00:00Z", "end": '"11d"'}, 10 * DAY + 4 * HOUR, 11 * DAY),
        ({"start": '"10d"', "end": '"2025-11-11T06:00"'}, 10 * DAY, 10 * DAY + 6 * HOUR),
    ],
)
def test_start_and_end_by_offset_and_by_date(load, keys, begin, end):
    loaded = load(sale(name='"eleven"', **keys))
    (promotion,) = loaded.scenario.calendar(SHANGHAI).promotions
    assert (promotion.start, promotion.end) == (begin, end)
    again = loaded.path.with_name("again.toml")
    again.write_text(to_toml(loaded))
    twin = load_scenario(again)
    assert twin.scenario.model_dump(exclude={"name"}) == loaded.scenario.model_dump(exclude={"name"})
    assert twin.resolved["promotion"] == loaded.resolved["promotion"]
    assert config_hash(twin.scenario) == config_hash(loaded.scenario)


def test_a_date_as_text_and_as_toml_are_one_scenario(load):
    hashes = {
        config_hash(load(sale(name='"s"', start=start)).scenario)
        for start in ("2025-11-11T20:00:00", '"2025-11-11T20:00"', "2025-11-11 20:00:00")
    }
    assert len(hashes) == 1


def test_dates_from_the_command_line(load):
    for text in ("2025-11-12", "2025-11-12T00:00", '"2025-11-12"'):
        loaded = load(sale(name='"s"', start="2025-11-11"), f"promotion.s.start={text}")
        assert loaded.scenario.calendar(SHANGHAI).promotions[0].start == 11 * DAY


def test_a_day_after_the_clocks_went_back_begins_at_its_midnight(load):
    scenario = load(sale(name='"s"', start="2025-11-03")).scenario
    (promotion,) = scenario.calendar(NEW_YORK).promotions
    assert promotion.start == 7 * DAY + HOUR
    assert promotion.end == 8 * DAY + HOUR


def test_without_a_log_a_date_is_nowhere(load):
    scenario = load(sale(name='"s"', start="2025-11-03") + sale(name='"t"', start='"1d"')).scenario
    assert [p.name for p in scenario.calendar().promotions] == ["t"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"start": '"10d"', "end": '"11d"', "length": '"1d"'}, "either end or length"),
        ({"start": '"10d"', "end": '"9d"'}, "end (9d) must be later than start (10d)"),
        ({"start": "2025-13-11"}, "is not valid TOML"),
        ({"start": '"2025-13-11"'}, "no date of the calendar"),
        ({"start": '"tomorrow"'}, "or a date, 2025-11-11"),
        ({"start": "3"}, "or a date, 2025-11-11"),
        ({"start": "10:00:00"}, "is not a duration"),
    ],
)
def test_what_is_no_instant_is_refused(load, keys, said):
    with pytest.raises(ScenarioError) as error:
        load(sale(name='"s"', **keys))
    assert said in str(error.value)


def test_an_end_before_its_start_by_date(load):
    scenario = load(sale(name='"s"', start="2025-11-11", end="2025-11-10")).scenario
    with pytest.raises(ScenarioError, match=r"end \(2025-11-10\) must be later than start \(2025-11-11\)"):
        scenario.calendar(SHANGHAI)


LOG = Extent(HOUR, 12 * DAY + 5 * HOUR, clicks=5000, clock=SHANGHAI)
"""History from day 0 to 3, stream from day 4 to day 10; labels are final for clicks up to day 10 05:00."""


def test_the_extent_of_these_tests(load):
    line = timeline(load().scenario, LOG)
    assert (line.history_end, line.stream_start, line.stream_end) == (3 * DAY, 4 * DAY, 10 * DAY)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"start": "2025-12-01"}, ["is outside the log", "2025-12-01 00:00 to 2025-12-02 00:00, day 30"]),
        ({"start": "2025-10-01"}, ["is outside the log", "day 0 01:00:00 (2025-11-01 01:00)"]),
        ({"start": "2025-11-12"}, ["none of its clicks can be judged", "final 2d after", "day 12 05:00:00"]),
        (
            {"start": "2025-11-12T12:00:00"},
            ["none of its clicks", "up to day 10 05:00:00 (2025-11-11 05:00)"],
        ),
        ({"start": "2025-11-11"}, ["outside history and stream", "Labels are final 2d after the click"]),
        ({"start": '"3d"', "length": '"1d"'}, ["lies in the gap", "day 4 00:00:00"]),
        ({"start": '"9d 18h"'}, ["only the first 6h of it can be judged", "labels are final"]),
        ({"start": '"3d 18h"'}, ["only the last 18h of it can be judged", "begins in the gap"]),
    ],
)
def test_each_kind(load, keys, said):
    (warning,) = promotion_warnings(load(sale(name='"eleven"', **keys)).scenario, LOG)
    assert "'eleven'" in warning
    for part in said:
        assert part in warning, warning


@pytest.mark.parametrize("start", ['"0d"', '"1d"', '"5d"', '"9d"', "2025-11-07"])
def test_what_is_learnt_from_or_judged_is_not_mentioned(load, start):
    assert promotion_warnings(load(sale(name='"s"', start=start)).scenario, LOG) == []


def test_a_shorter_stream(load):
    loaded = load(sale(name='"s"', start='"5d"'), "stream.length=36h")
    (warning,) = promotion_warnings(loaded.scenario, LOG)
    assert "only the first 12h of it can be judged: the stream ends there" in warning
    loaded = load(sale(name='"s"', start='"6d"'), "stream.length=36h")
    (warning,) = promotion_warnings(loaded.scenario, LOG)
    assert warning.endswith("it is neither learnt from nor judged.")


def test_overlapping_ones(load):
    loaded = load(sale(name='"a"', start='"5d"', length='"2d"') + sale(name='"b"', start="2025-11-07"))
    (warning,) = promotion_warnings(loaded.scenario, LOG)
    assert "'a'" in warning
    assert "'b'" in warning
    assert "overlap by 1d" in warning
    assert "2025-11-07 00:00 to 2025-11-08 00:00, day 6" in warning
    touching = load(sale(name='"a"', start='"5d"') + sale(name='"b"', start='"6d"'))
    assert promotion_warnings(touching.scenario, LOG) == []


def test_a_time_that_no_clock_showed(load):
    clock = Clock(
        datetime(2025, 3, 1, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC), "America/New_York"
    )
    loaded = load(sale(name='"s"', start="2025-03-09T02:30:00", length='"2h"'))
    (warning,) = promotion_warnings(loaded.scenario, Extent(0, 20 * DAY, clock=clock))
    assert "start = 2025-03-09T02:30:00 was never shown" in warning
    assert "2025-03-09T03:30:00 is taken" in warning


def test_errors_of_the_stream_are_in_local_time(load):
    with pytest.raises(ScenarioError, match="the log ends at day 3 00:00:00"):
        timeline(load().scenario, Extent(0, 3 * DAY, clock=SHANGHAI))
