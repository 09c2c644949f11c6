"""A sweep file: what it may say, every fault at once, and the points it comes to."""

from __future__ import annotations

import pytest

from simulator.errors import ScenarioError
from simulator.scenario.seeds import parse_seeds
from simulator.sweep.file import read_sweep
from simulator.sweep.grid import cells, points


def read(folder, text):
    path = folder / "sweep.toml"
    path.write_text(text, encoding="utf-8")
    return read_sweep(path)


WHOLE = """
[sweep]
scenarios = ["minimal.toml", "own.toml"]
seeds = "0..2"
set."windows.observation" = ["15m", "1h"]
set."world.promotion.0.price.discount" = { from = 0.1, to = 0.4, steps = 4 }
[sweep.set.learner]
hidden = [[8], [8, 4]]
"""


def test_the_points_are_all_combinations(tmp_path):
    (tmp_path / "own.toml").touch()
    sweep = read(tmp_path, WHOLE)
    assert sweep.seeds == (0, 1, 2)
    assert sweep.scenarios[1] == str(tmp_path / "own.toml")
    assert sweep.scenarios[0].endswith("scenarios/minimal.toml"), "a shipped one is known by its name"
    at = points(sweep)
    assert len(at) == 2 * 4 * 2
    assert at[0] == {
        "windows.observation": "15m",
        "world.promotion.0.price.discount": 0.1,
        "learner.hidden": [8],
    }
    found = cells(sweep, at)
    assert len({cell.name for cell in found}) == len(found) == 2 * len(at)
    assert found[0].name == "minimal+observation-15m+discount-0.1+hidden-8"
    assert found[1].overrides[-1] == "learner.hidden=[8, 4]"


def test_points_are_drawn_the_same_every_time(tmp_path):
    text = """
    [sweep]
    scenarios = ["minimal.toml"]
    random = 30
    set."learner.learning_rate" = { from = 1e-4, to = 1e-2, scale = "log" }
    set."learner.batch_size" = { from = 32, to = 64 }
    set."windows.observation" = { from = "15m", to = "1h" }
    set."learner.precision" = ["a", "b"]
    """
    at = points(read(tmp_path, text))
    assert at == points(read(tmp_path, text))
    assert at != points(read(tmp_path, text.replace("random", "draw = 1\nrandom")))
    assert len(at) == 30
    assert sum(point["learner.learning_rate"] < 1e-3 for point in at) > 8
    assert {type(point["learner.batch_size"]) for point in at} == {int}
    assert {point["learner.precision"] for point in at} == {"a", "b"}
    assert all(
        point["windows.observation"].endswith(("m", "h")) or "s" in point["windows.observation"]
        for point in at
    )


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("seeds = 3\n", [r"has no \[sweep\]", "seeds"]),
        (
            "[sweep]\nscenarios = []\nseed = 1\nretries = -1\n",
            ["at least 1 item", r"unknown key 'seed'.*'seeds'", "retries: -1"],
        ),
        ('[sweep]\nscenarios = ["a.toml"]\nset.a = { from = 1, to = 2 }\n', ["set.a has no steps"]),
        (
            '[sweep]\nscenarios = ["a.toml"]\nset.a = { from = 2, to = 1, steps = 2 }\n',
            ["from must be below to"],
        ),
        (
            '[sweep]\nscenarios = ["a.toml"]\nset.a = { from = 0, to = 1, step = 2 }\n',
            ["must be a list of values"],
        ),
        ('[sweep]\nscenarios = ["a.toml"]\nset.a = []\n', ["must be a list of values"]),
        ('[sweep]\nscenarios = ["a.toml"]\nseeds = "3..1"\n', ["ends before it begins"]),
        (
            '[sweep]\nscenarios = ["a.toml"]\nrandom = 2\nset.a = [1]\n[sweep.search]\nobjective = "a:b:c"\ntrials = 2\n',
            ["both choose the points"],
        ),
        (
            '[sweep]\nscenarios = ["a.toml"]\n[sweep.search]\nobjective = "auc"\ntrial = 2\n',
            ["search.objective: 'auc'", r"unknown key 'trial'.*'trials'"],
        ),
    ],
)
def test_every_fault_is_told_at_once(tmp_path, text, messages):
    with pytest.raises(ScenarioError) as caught:
        read(tmp_path, text)
    for message in messages:
        caught.match(message)


@pytest.mark.parametrize("value", ["", "a", "1..", "2..1", [1, 1], [-1], [True], [1.0], 3])
def test_what_are_no_seeds_is_refused(value):
    with pytest.raises(ValueError, match="allowed: a span"):
        parse_seeds(value)
