"""Methods for the time before and in a sale are stopped and go on to the same numbers, in a process of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import run_directory, sim_here, summary_of
from tests.resuming import assert_equal_runs, interrupted_and_resumed

METHODS = ("cm-dcm", "ten", "hdr", "twice", "trajectory")
SCENARIO = """
[world]
days = 12
clicks_per_day = 300
cvr = 0.15
offer = ["discount"]

[[world.promotion]]
name = "past"
start = "3d"
anticipation = "1d"
participation = 0.5
waiting = { onset = "1d" }
revisit = { level = -1.0 }

[[world.promotion]]
name = "coming"
start = "9d"        # two days after the stream begins
anticipation = "1d"
participation = 0.5
waiting = { onset = "1d" }
revisit = { level = -1.0 }

[windows]
attribution = "1d"
refund = "0s"
observation = "1h"

[stream]
history = "6d"
gap = "1d"
length = "4d"
segment = "6h"

[learner]
embedding_dim = 2
hidden = [8, 4]
batch_size = 64

[engine]
workers = 1
checkpoint_every = "12h"
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sale") / "sale.toml"
    path.write_text(SCENARIO + "".join(f'\n[[method]]\nmethod = "{name}"\n' for name in METHODS))
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"output.cache={tmp_path_factory.mktemp('cache')}"


@pytest.fixture(scope="module")
def whole(scenario: Path, cache: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    sim_here(scenario, "--out", out, "--set", cache, "--dump-samples", "--progress", "none")
    return run_directory(out)


@pytest.mark.parametrize("half_days", [2, 5], ids=["before the sale", "in it, when a copy is served"])
def test_stopped_they_go_on_to_the_same_numbers(
    half_days: int, scenario: Path, cache: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    summary = summary_of(whole)
    assert set(summary["methods"]) == {*METHODS}
    (reused,) = summary["costs"]["hdr"]["reuse"]
    assert reused["at"] == "9.5d"
    after = half_days * len(METHODS) - 2  # two have not saved that half day
    assert_equal_runs(whole, interrupted_and_resumed(scenario, cache, tmp_path, after, monkeypatch))
