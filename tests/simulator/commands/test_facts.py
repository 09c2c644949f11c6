"""`describe` on a log, and its comparison with published facts."""

from __future__ import annotations

import pytest

from simulator.commands.facts import Described, print_log
from simulator.errors import LogError, ScenarioError
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.commands import sim_here
from tests.simulator.log.logs import small, write


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("facts") / "log"
    write(path, small(2, 2000, Windows(DAY, DAY)))
    return path


def test_a_log_is_described_by_its_directory(log):
    shown = sim_here("describe", log, "--windows", "1d", "--promotion", "5d..6d").stdout
    for title in (
        "phases",
        "rates",
        "delays",
        "hour of day",
        "users and items",
        "promotion-1: days from its opening",
    ):
        assert title in shown, title


def test_it_is_laid_beside_any_preset(log):
    shown = sim_here("describe", log, "--against", "trace").stdout
    assert "fit to trace" in shown
    assert "windows.attribution is 3d, measured with 7d" in shown
    assert "published facts within tolerance" in shown.splitlines()[-1]


def test_a_world_is_laid_beside_its_own(tmp_path):
    words = ("scenarios/minimal.toml", "--fit", "--set", f"output.cache={tmp_path}")
    shown = sim_here("describe", *words).stdout
    assert "fit to blend" in shown
    assert "[world]" not in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fit",), "only a world has a preset"),
        (("--against", "tracce"), "Did you mean 'trace'?"),
        (("--windows", "soon"), "--windows soon"),
        (("--seed", "3"), "--set and --seed do not change"),
    ],
)
def test_what_makes_no_sense_is_refused(log, words, said):
    done = sim_here("describe", log, *words, code=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_options_of_a_log_are_not_those_of_a_scenario():
    done = sim_here("describe", "scenarios/minimal.toml", "--windows", "3d", code=2)
    assert "a scenario says them itself" in done.stderr


def test_the_windows_default_to_those_of_the_import(log, tmp_path):
    described = Described.of_log(log, None, ())
    assert described.windows == Windows(3 * DAY, 3 * DAY)
    assert Described.of_log(log, "2d,12h", ()).windows == Windows(2 * DAY, 12 * HOUR)
    meta = (log / "meta.toml").read_text(encoding="utf-8")
    assert "[provenance]" in meta
    with pytest.raises(LogError):
        Described.of_log(tmp_path, None, ())
    with pytest.raises(ScenarioError, match="only a world"):
        print_log(described, fit=True, against=None)
