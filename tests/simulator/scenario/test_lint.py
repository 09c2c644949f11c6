"""Warnings: each for what it is about, none for the shipped scenarios."""

from pathlib import Path

import pytest

from simulator.scenario.lint import lint
from simulator.scenario.load import load_scenario
from simulator.scenario.timeline import Extent
from simulator.units import DAY
from tests.simulator.scenario.test_load import BASE

QUIET = BASE.replace('method = "fnw"', 'method = "pre-trained"\n[[method]]\nmethod = "oracle"') + (
    '[stream]\nhistory = "3d"\nlength = "2d"\n'
)


@pytest.fixture
def warnings(tmp_path):
    def warnings(*overrides, text=QUIET, log=None):
        path = tmp_path / "s.toml"
        path.write_text(text)
        return lint(load_scenario(path, overrides).scenario, log)

    return warnings


def test_lateness_is_named_where_it_makes_labels_wait(warnings):
    assert warnings("windows.lateness=6h", "stream.gap=1d", "stream.length=36h")[0].startswith(
        "stream.gap (1d) is shorter than windows.attribution + windows.lateness (1.25d): labels of the last 6h"
    )


def test_a_sound_scenario_has_none(warnings):
    assert warnings() == []


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("stream.gap=6h", ["stream.gap (6h)", "last 18h of the history"]),
        ("stream.start=2d", ["stream.start (2d)", "history of 1d", "not the 3d"]),
        ("stream.history=0s", ["random weights"]),
        ("stream.segment=3d", ["stream.segment (3d)", "stream.length (2d)"]),
        ("stream.segment=1d", ["2 whole segments"]),
        ("engine.tick=1s", ["engine.tick (1s)", "172,800 ticks"]),
        ("method.oracle.transport_delay=3d", ["'oracle'", "transport_delay (3d)", "no label ever arrives"]),
        ("stream.length=9d", ["what is left of the log", "(3d)"]),
        (
            'world.promotion=[{name = "p", start = "6d"}]',
            ["promotion 'p' (6d to 7d)", "outside history and stream"],
        ),
    ],
)
def test_each_warning(warnings, override, said):
    (warning,) = warnings(override)
    assert all(part in warning for part in said), warning


DATA = QUIET.replace("[world]\ndays = 7", "[data]\npath = '{path}'\nmade_by = 'sim.py import it'")


def test_missing_data_come_with_the_command(warnings, tmp_path):
    (warning,) = warnings(text=DATA.format(path=tmp_path / "no"))
    assert "nothing is there" in warning
    assert "sim.py import it" in warning
    assert warnings(text=DATA.format(path=tmp_path)) == []


def test_time_features_are_warned_of(warnings, tmp_path):
    (warning,) = warnings("data.time_features=true", text=DATA.format(path=tmp_path))
    assert ".753 -> .663" in warning


def test_they_are_warned_of_on_a_world_too(warnings):
    (warning,) = warnings("stream.time_features=true")
    assert warning.startswith("stream.time_features")


def test_labels_that_are_never_final(warnings, tmp_path):
    text = DATA.format(path=tmp_path)
    # History 3 d, gap 1 d, stream 2 d; the windows close 1 d + 3 d after a click.
    assert warnings(text=text, log=Extent(5, 10 * DAY)) == []
    (warning,) = warnings(text=text, log=Extent(5, 19 * DAY // 2))
    assert "last 12h of the stream" in warning
    assert "up to 1.5d" in warning
    (warning,) = warnings("stream.length=20d", text=text, log=Extent(5, 10 * DAY))
    assert "longer than what is left" in warning


@pytest.mark.parametrize("path", sorted(Path("scenarios").glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_scenarios_warn_of_missing_data_at_most(path):
    scenario = load_scenario(path).scenario
    found = [w for w in lint(scenario) if "nothing is there yet" not in w]
    if scenario.stream.protocol == "offline":  # what that leaves out is always said
        found.remove(next(w for w in found if w.startswith("stream.protocol")))
    # One of them is about the very thing that is warned of.
    assert [w for w in found if path.stem != "time_features" or "time_features = true" not in w] == []
    assert bool(found) == (path.stem == "time_features")
