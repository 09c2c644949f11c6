"""Methods that serve by others in whole runs: they change no other's numbers, whatever else is asked of the run."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from simulator.report.tables import costs_table
from tests.commands import run_directory, sim_here, summary_of
from tests.resuming import assert_equal_runs, interrupted_and_resumed

WORLD = """
[world]
days = 9
clicks_per_day = 300
cvr = 0.2

[[world.promotion]]
name = "sale"
start = "6d 14h"
length = "12h"
anticipation = "1d"

[windows]
attribution = "1d"
refund = "0s"
observation = "1h"

[stream]
history = "2d"
gap = "2d"
length = "4d"
segment = "6h"

[stream.offline]
epochs = 1

[learner]
hidden = [8]
embedding_dim = 2
batch_size = 64

[engine]
workers = 1

[[method]]
method = "pre-trained"

[[method]]
method = "es-dfm"

[[method]]
method = "oracle"
"""
COMPOSED = """
[[method]]
method = "by-phase"
members = { before = "es-dfm", anticipation = "pre-trained", promotion = "mean" }

[[method]]
name = "mean"
method = "portfolio"
members = ["pre-trained", "es-dfm"]

[[method]]
name = "bound"
method = "portfolio"
mixing = "mean"
members = ["oracle", "mean"]
"""
LEARNING = ["pre-trained", "es-dfm", "oracle"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("composed")
    (folder / "alone.toml").write_text(WORLD, encoding="utf-8")
    (folder / "composed.toml").write_text(COMPOSED.join(WORLD.rsplit("\n[[method]]", 1)[:1]) + COMPOSED
                                          + '\n[[method]]\nmethod = "oracle"\n', encoding="utf-8")  # fmt: skip
    return folder


def run(folder: Path, name: str, *further: str) -> Path:
    out = folder / f"runs-{name}-{len(further)}"
    if not out.exists():
        settings = ["--set", f"output.cache={folder / 'cache'}", "--progress", "none", *further]
        sim_here("run", folder / f"{name}.toml", "--out", out, *settings)
    return run_directory(out)


def predictions(run: Path) -> pd.DataFrame:
    return pd.read_parquet(run / "predictions.parquet")


OFFLINE = ("--set", "stream.protocol=offline")


@pytest.mark.parametrize("protocol", [(), OFFLINE])
def test_they_follow_from_their_members_and_leave_these_as_they_are(folder: Path, protocol: tuple[str, ...]):
    alone, found = (predictions(run(folder, name, *protocol)) for name in ("alone", "composed"))
    pd.testing.assert_frame_equal(found[alone.columns], alone, check_exact=True)
    logit = np.log(found[["pre-trained.cvr", "es-dfm.cvr"]] / (1 - found[["pre-trained.cvr", "es-dfm.cvr"]]))
    np.testing.assert_allclose(found["mean.cvr"], 1 / (1 + np.exp(-logit.mean(axis=1))), rtol=1e-12)
    served = {"before": "es-dfm", "anticipation": "pre-trained", "promotion": "mean", "after": "es-dfm"}
    assert {*found.phase} == {*served}
    for phase, member in served.items():
        of = found.phase == phase
        np.testing.assert_array_equal(found["by-phase.cvr"][of], found[f"{member}.cvr"][of])


def test_they_stand_in_the_tables_with_the_sum_of_their_members_costs(folder: Path):
    found = run(folder, "composed")
    summary = summary_of(found)
    ranking = summary["ranking"]["cvr"]
    assert [*summary["methods"]] == ["pre-trained", "es-dfm", "by-phase", "mean", "bound", "oracle"]
    assert {*ranking["methods"]} == {"es-dfm", "by-phase", "mean"}, (
        "what is made of a bound is none that competes"
    )
    assert summary["upper_bounds"] == ["bound", "oracle"]
    costs = summary["costs"]
    for name, members in {"by-phase": LEARNING[:2][::-1], "bound": ["oracle", *LEARNING[:2]]}.items():
        assert costs[name]["members"] == members
        for key in ("samples", "steps", "samples_learned"):
            assert costs[name][key] == sum(costs[member][key] for member in members)
    assert costs["by-phase"]["duplication_factor"] == costs["es-dfm"]["duplication_factor"]
    page = (found / "report.html").read_text(encoding="utf-8")
    assert "by-phase: the sum of es-dfm + pre-trained." in page
    console = Console(width=80, file=StringIO(), record=True)
    console.print(costs_table(summary, 80))
    assert "by-phase: the sum of es-dfm + pre-trained." in console.export_text()


def test_a_run_that_was_stopped_goes_on_to_the_same_numbers(folder: Path, monkeypatch: pytest.MonkeyPatch):
    dumped = run(folder, "composed", "--dump-samples")
    cache = f"output.cache={folder / 'cache'}"
    again = interrupted_and_resumed(folder / "composed.toml", cache, folder / "stopped", 8, monkeypatch)
    assert_equal_runs(dumped, again)


def test_policies_of_members_are_audited_and_a_scenario_is_described(folder: Path):
    path, cache = folder / "composed.toml", ["--set", f"output.cache={folder / 'cache'}"]
    audited = sim_here("audit", path, *cache).stdout
    assert "elapsed-time" in audited
    assert "portfolio" not in audited
    described = sim_here("describe", path, "--no-data", *cache).stdout
    assert "methods that serve by others" in described


def test_seeds_are_replicates_of_them_as_of_any_method(folder: Path):
    out = folder / "seeds"
    settings = ["--set", f"output.cache={folder / 'cache'}", "--progress", "none", "--seeds", "0..1"]
    shown = sim_here("run", folder / "composed.toml", "--out", out, *settings).stdout
    assert len([*out.glob("*/*/DONE")]) == 2
    assert "by-phase" in shown
