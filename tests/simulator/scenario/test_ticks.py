"""The step of the replay follows from the log's density, unless it is set."""

import pytest

from simulator.scenario.load import load_scenario
from simulator.scenario.ticks import CLICKS_A_TICK, STEPS, said_of_tick, tick_of
from simulator.scenario.timeline import Extent, extent_of_world
from simulator.units import DAY, HOUR
from tests.simulator.scenario.test_load import BASE


@pytest.fixture
def scenario(tmp_path):
    def scenario(*overrides):
        path = tmp_path / "s.toml"
        path.write_text(BASE)
        return load_scenario(path, overrides).scenario

    return scenario


@pytest.mark.parametrize("a_day", [0, 1, 700, 4096, 5000, 20_000, 50_000, 98_304, 10**6, 10**9])
def test_a_tick_holds_some_thousands_of_clicks(scenario, a_day):
    tick = tick_of(scenario(), Extent(0, 10 * DAY, clicks=10 * a_day))
    assert tick in STEPS
    assert tick == HOUR or a_day * tick <= CLICKS_A_TICK * DAY
    assert tick == DAY or 2 * a_day * tick > CLICKS_A_TICK * DAY or 3 * tick > 2 * STEPS[-1]


def test_what_is_set_wins(scenario):
    assert tick_of(scenario("engine.tick=35m"), Extent(0, 10 * DAY, clicks=10)) == 35 * 60 * 10**6
    assert said_of_tick(scenario("engine.tick=35m"), None) is None


def test_a_world_is_judged_by_its_settings(scenario):
    few, many = scenario("world.clicks_per_day=100"), scenario("world.clicks_per_day=1000000")
    assert tick_of(few, extent_of_world(few)) == DAY
    assert tick_of(many, extent_of_world(many)) == HOUR
    assert said_of_tick(few, extent_of_world(few)) == '"1d" (from the log\'s density)'


def test_an_unknown_log(scenario):
    assert tick_of(scenario(), None) == HOUR
    assert "once it is known" in said_of_tick(scenario(), None)
