"""Where history, gap and stream lie on a log."""

import pytest

from simulator.errors import ScenarioError
from simulator.scenario.model import MethodBlock, Scenario
from simulator.scenario.timeline import Extent, Timeline, extent_of_world, timeline
from simulator.units import DAY, HOUR

WINDOWS = {"attribution": "1d", "refund": "1d"}


def scenario(**stream):
    own = {"history": "3d", "segment": "2h", **stream}
    return Scenario(world={"days": 7}, windows=WINDOWS, stream=own, method=[MethodBlock(method="fnw")])


def test_defaults_count_from_the_first_midnight_to_the_last_final_label():
    log = Extent(5 * HOUR, 9 * DAY + HOUR)
    # Labels take two days: the last whole segment ends at 7 d (the odd hour is no segment).
    assert timeline(scenario(), log) == Timeline(0, 3 * DAY, 4 * DAY, 7 * DAY, 2 * HOUR)
    later = Extent(2 * DAY + 5 * HOUR, 11 * DAY)
    assert timeline(scenario(), later) == Timeline(2 * DAY, 5 * DAY, 6 * DAY, 9 * DAY, 2 * HOUR)


def test_what_is_written_is_kept_as_far_as_the_log_goes():
    log = Extent(0, 10 * DAY)
    assert timeline(scenario(start="5d", gap="2d"), log) == Timeline(0, 3 * DAY, 5 * DAY, 8 * DAY, 2 * HOUR)
    assert timeline(scenario(length="90m"), log).stream_end == 4 * DAY + 90 * 60 * 10**6
    assert timeline(scenario(length="30d"), log).stream_end == 10 * DAY
    assert timeline(scenario(start="1d"), log).history_start == 0, "never before the log"


@pytest.mark.parametrize(
    ("log", "said"),
    [(Extent(0, 4 * DAY), "the log ends at day 4 00:00:00"), (Extent(0, 5 * DAY), "no label would be final")],
)
def test_a_stream_that_cannot_be_judged_is_refused(log, said):
    with pytest.raises(ScenarioError, match=said):
        timeline(scenario(), log)


def test_segments_have_a_limit():
    with pytest.raises(ScenarioError, match=r"segment = 2s: the stream of 3d would have 129,600.*100,000"):
        timeline(scenario(segment="2s"), Extent(0, 9 * DAY))


def test_a_world_goes_on_until_its_windows_are_closed():
    assert extent_of_world(scenario()) == Extent(0, 9 * DAY)
    assert timeline(scenario(), extent_of_world(scenario())).stream_end == 7 * DAY
