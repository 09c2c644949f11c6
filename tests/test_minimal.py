"""scenarios/minimal.toml as a golden run: what it leaves, what it says, and that it says it again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from simulator.samples import schema
from tests.commands import ROOT, run_directory, sim, sim_here, summary_of
from tests.golden.compare import check
from tests.resuming import assert_equal_runs, interrupted_and_resumed, interrupted_run

MINIMAL = ROOT / "scenarios" / "minimal.toml"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"output.cache={tmp_path_factory.mktemp('cache')}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cache: str) -> Path:
    out = tmp_path_factory.mktemp("runs")
    sim(
        MINIMAL,
        "--out",
        out,
        "--set",
        cache,
        "--dump-samples",
        "--progress",
        "none",
        env={"PYTHONHASHSEED": "1"},
    )
    return run_directory(out)


def test_golden(run: Path):
    """The scores of the run; counts exactly."""
    check("minimal", summary_of(run))


def test_fixed_names(run: Path):
    found = summary_of(run)
    assert {"auc", "prauc", "nll", "pcoc", "ri_auc", "ri_prauc", "regret_nll"} <= set(
        found["methods"]["fnw"]["cvr"]
    )
    assert found["log"]["read"] == found["log"]["replayed"] + found["log"]["quarantined"]
    assert {"data", "pretraining", "replay", "evaluation"} <= set(found["wall_seconds"])
    assert found["clicks_per_second"] > 0
    names = {p.name for p in run.iterdir()}
    assert {
        "manifest.json",
        "scenario.resolved.toml",
        "summary.json",
        "metrics.parquet",
        "predictions.parquet",
    } <= names
    assert {"samples", "report.html", "DONE"} <= names
    assert "checkpoints" not in names


def test_dumped_samples_are_the_public_schema_and_what_the_policy_delivers(run: Path):
    for method in summary_of(run)["methods"]:
        samples = pq.read_table(run / "samples" / f"{method}.parquet")
        assert samples.schema.equals(schema({})), method
    table = pq.read_table(run / "samples" / "fnw.parquet")
    visible = table["visible_time"].to_numpy()
    assert np.all(np.diff(visible) >= 0)
    roles = table["role"].combine_chunks().dictionary_decode().to_pylist()
    converted = table["converted"].to_numpy()
    assert {r for r, c in zip(roles, converted, strict=True) if c == 1} == {"positive"}
    assert pq.read_table(run / "samples" / "pre-trained.parquet").num_rows == 0


def test_same_numbers_in_another_process(run: Path, cache: str, tmp_path: Path):
    """Another hash seed, reader, tick and number of threads: samples, predictions and metrics are identical."""
    told = ("engine.reader_batch=777", "engine.tick=35m", "engine.workers=1")
    options = [word for text in told for word in ("--set", text)]
    sim(
        MINIMAL, "--out", tmp_path, "--set", cache, "--dump-samples", "--progress", "none", *options,
        env={"PYTHONHASHSEED": "2"},
    )  # fmt: skip
    assert_equal_runs(run, run_directory(tmp_path))


def test_same_numbers_with_another_method_beside(run: Path, cache: str, tmp_path: Path):
    """Samples, predictions and metrics of the common methods are identical."""
    scenario = tmp_path / "more.toml"
    text = MINIMAL.read_text(encoding="utf-8") + '\n[[method]]\nmethod = "es-dfm"\n'
    scenario.write_text(text, encoding="utf-8")
    sim_here(scenario, "--out", tmp_path, "--set", cache, "--dump-samples", "--progress", "none")
    assert_equal_runs(run, run_directory(tmp_path))


ADAPTIVE = f"""extends = "{MINIMAL}"
[[method]]
method = "posterior-settlement"
auxiliary = {{ calendar_uncertainty = "3h" }}
offset = {{ calendar_uncertainty = "3h" }}

[world]
clicks_per_day = 1_000

[[world.promotion]]     # the net knows the calendar by an earlier sale, and is not sure of the next
name = "earlier"
start = "1d"
length = "12h"

[[world.promotion]]
name = "sale"
start = "5d"
length = "1d"
"""


def test_a_method_whose_parts_adapt_goes_on_to_the_same_numbers(
    cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    scenario = tmp_path / "adaptive.toml"
    scenario.write_text(ADAPTIVE, encoding="utf-8")
    sim_here(scenario, "--out", tmp_path / "whole", "--set", cache, "--dump-samples", "--progress", "none")
    again = interrupted_and_resumed(scenario, cache, tmp_path / "resumed", 4, monkeypatch)
    assert_equal_runs(run_directory(tmp_path / "whole"), again)
    assert "causal" in sim_here("audit", scenario, "--set", cache).stdout


@pytest.mark.long
def test_a_run_with_an_upload_goes_on_to_the_same_numbers(
    cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    scenario = tmp_path / "uploaded.toml"
    scenario.write_text(
        f'extends = "{MINIMAL}"\n[windows]\nlateness = "12h"\n[stream]\nupload = "12h"\n', encoding="utf-8"
    )
    out = ("--set", cache, "--dump-samples", "--progress", "none")
    sim(scenario, "--out", tmp_path / "whole", *out)
    sim(
        scenario,
        "--out",
        tmp_path / "ticks",
        *out,
        "--set",
        "engine.tick=7h",
        "--set",
        "engine.reader_batch=999",
    )
    whole = run_directory(tmp_path / "whole")
    assert_equal_runs(whole, run_directory(tmp_path / "ticks"))
    assert_equal_runs(whole, interrupted_and_resumed(scenario, cache, tmp_path / "resumed", 9, monkeypatch))
    samples = pq.read_table(whole / "samples" / "fnw.parquet")
    role, visible, event = (samples[name].to_numpy() for name in ("role", "visible_time", "event_time"))
    late = role == "positive"
    assert not np.any(visible[late] % (12 * 3600 * 10**6))
    assert np.mean(visible[late] > event[late]) > 0.9


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('segment = "2.4h"', 'segment = "1.2h"', "config_hash"),
        ("threads = 1", "threads = 2", "config_hash"),
        ("reader_batch = 122880", "reader_batch = 999", "reader_batch"),
        ('checkpoint_every = "12h"', 'tick = "7h"', "tick"),
    ],
)
def test_resume_refuses_what_would_go_on_to_other_numbers(
    interrupted: Path, before: str, after: str, key: str
):
    resolved = interrupted / "scenario.resolved.toml"
    text = resolved.read_text(encoding="utf-8")
    assert before in text
    resolved.write_text(text.replace(before, after), encoding="utf-8")
    done = sim_here("resume", interrupted, "--progress", "none", code=1)
    resolved.write_text(text, encoding="utf-8")
    assert f"cannot go on to the same numbers, {key} was" in done.stderr


def test_an_interrupted_run_goes_on_to_the_same_numbers_told_otherwise_and_from_anywhere(
    interrupted: Path, run: Path, tmp_path: Path
):
    copied = shutil.copytree(interrupted, tmp_path / "runs" / "minimal" / interrupted.name)
    resolved = copied / "scenario.resolved.toml"
    text = resolved.read_text(encoding="utf-8")
    assert "workers = 2" in text
    resolved.write_text(
        text.replace("workers = 2", "workers = 1"),
        encoding="utf-8",
    )
    sim("resume", Path("minimal") / copied.name, "--progress", "none", cwd=tmp_path / "runs")
    again = run_directory(tmp_path / "runs")
    assert_equal_runs(run, again)
    assert not (again / "checkpoints").exists()


@pytest.fixture(scope="module")
def interrupted(cache: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What an interrupted run of the minimal scenario leaves."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield interrupted_run(MINIMAL, cache, tmp_path_factory.mktemp("interrupted"), 9, monkeypatch)


def test_a_second_run_does_not_overwrite_the_first(run: Path, cache: str):
    done = sim_here(
        MINIMAL, "--out", run.parents[1], "--set", cache, "--dump-samples", "--progress", "none", code=1
    )
    assert "--replace" in done.stderr
    assert "Traceback" not in done.stderr


def test_audit_of_the_scenario(cache: str):
    assert "causal" in sim_here("audit", MINIMAL, "--set", cache).stdout


def test_audit_shows_a_witness_of_every_way_to_cheat(cache: str, tmp_path: Path):
    said = {
        "EndOfTick": "peeks .* it depended on +(pay|cart|refund|some event)",
        "Withholds": "peeks .* (as it is|without that future) +nothing.* it depended on +pay",
        "Undeclared": r"peeks .* it read +at\.future, the final labels of click",
        "Remembers": "keeps .* it keeps +its '_paid'",
    }
    cheats = "tests.simulator.policies.cheats"
    for name, words in said.items():
        cheat = tmp_path / f"{name}.toml"
        cheat.write_text(
            f'extends = "{MINIMAL}"\n[[method]]\nmethod = "waiting-window"\npolicy = "{cheats}:{name}"\n',
            encoding="utf-8",
        )
        done = sim_here("audit", cheat, "--set", cache, code=3)
        assert re.search(words, done.stdout, re.DOTALL), done.stdout
        assert "Traceback" not in done.stderr
