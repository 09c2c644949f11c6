"""Whole sweeps of a tiny world: what is shared is made once, what is finished is not made again, what fails is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from tests.commands import ROOT, sim_here, summary_of

TINY = """
[world]
days = 5
clicks_per_day = 150
[windows]
attribution = "1d"
refund = "0s"
observation = "15m"
[stream]
history = "2d"
gap = "1d"
length = "2d"
segment = "12h"
[learner]
hidden = [8]
embedding_dim = 4
batch_size = 32
pretrain_batch_size = 64
[[method]]
method = "pre-trained"
[[method]]
method = "waiting-window"
"""
SWEEP = """
[sweep]
scenarios = ["tiny.toml"]
seeds = "0..1"
retries = 1
set."windows.observation" = ["15m", "3h"]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    (tmp_path / "sweep.toml").write_text(SWEEP, encoding="utf-8")
    return tmp_path


def finished(folder):
    return sorted(path.parent for path in folder.glob("runs/*/runs/*/*/DONE"))


def test_a_sweep_makes_what_is_shared_once_and_begins_nothing_twice(folder):
    done = sim_here("sweep", "sweep.toml", "--workers", "2", cwd=folder)
    assert "4 runs; about" in done.stderr
    assert done.stdout.count("CVR: serve ") == 2, "the verdict on each window, over its seeds"
    assert "4 of 4 runs done, 0 running, 0 failed" in done.stderr
    runs = finished(folder)
    assert len(runs) == 4
    cache = folder / "data" / "cache"
    assert len(list(cache.glob("*/meta.toml"))) == 2, "a world a seed, whatever the window"
    assert len(list(cache.glob("checkpoints/*.safetensors"))) == 2, "one pre-training each"

    table = pq.read_table(folder / "runs" / "sweep" / "sweep.parquet").to_pylist()
    order = list(dict.fromkeys((row["windows.observation"], row["seed"]) for row in table))
    assert order == [("15m", 0), ("15m", 1), ("3h", 0), ("3h", 1)], "that of the plan"
    some = next(
        row
        for row in table
        if (row["metric"], row["phase"], row["method"]) == ("nll", "overall", "waiting-window")
    )
    run = folder / "runs" / "sweep" / some["run"]
    assert summary_of(run)["methods"]["waiting-window"]["cvr"]["nll"] == some["value"]
    assert some["torch"]
    assert some["host"]
    page = (folder / "runs" / "sweep" / "sweep.html").read_text(encoding="utf-8")
    assert "against windows.observation" in page
    assert "3h vs 15m" in done.stdout

    alone = sim_here(
        "tiny.toml", "--seed", "1", "--set", "windows.observation=3h", "--out", "alone", cwd=folder
    )
    assert alone.returncode == 0
    (one,) = folder.glob("alone/*/*")
    (same,) = (path for path in runs if path.name == one.name)
    assert summary_of(one)["methods"] == summary_of(same)["methods"]

    before = [(run / "DONE").stat().st_mtime_ns for run in runs]
    again = sim_here("sweep", "sweep.toml", "--workers", "2", cwd=folder)
    assert "4 runs, 4 of them finished before" in again.stderr
    assert [(run / "DONE").stat().st_mtime_ns for run in runs] == before
    assert pq.read_table(folder / "runs" / "sweep" / "sweep.parquet").column("value").to_pylist() == [
        row["value"] for row in table
    ]
    compared = sim_here("compare", *runs, cwd=folder)
    assert "tiny+observation-3h" in compared.stdout


def test_a_run_that_fails_is_told_and_the_others_go_on(folder):
    text = SWEEP.replace('set."windows.observation" = ["15m", "3h"]', 'set."stream.start" = ["3d", "40d"]')
    (folder / "sweep.toml").write_text(text, encoding="utf-8")
    done = sim_here("sweep", "sweep.toml", "--workers", "2", cwd=folder, code=1)
    assert len(finished(folder)) == 2
    assert "2 of 4 runs failed" in done.stdout
    account = json.loads((folder / "runs" / "sweep" / "sweep.json").read_text(encoding="utf-8"))
    failed = [run for run in account["runs"] if run["status"] == "failed"]
    assert {run["at"]["stream.start"] for run in failed} == {"40d"}
    assert all("the stream would start" in run["error"] and run["tries"] == 1 for run in failed)
    assert len(list(folder.glob("runs/sweep/logs/*.log"))) == 4


def test_faults_are_told_before_anything_runs(folder):
    (folder / "sweep.toml").write_text(
        SWEEP.replace("windows.observation", "windows.observatoin") + 'set."learner.batch_size" = [0]\n',
        encoding="utf-8",
    )
    done = sim_here("sweep", "sweep.toml", cwd=folder, code=2)
    assert "observatoin" in done.stderr
    assert not (folder / "data").exists()


def test_seeds_are_replicates(folder):
    done = sim_here("tiny.toml", "--seeds", "0..1", "--workers", "2", cwd=folder)
    assert "(2 runs)" in done.stdout
    assert "t-interval over runs" in done.stdout
    runs = sorted(folder.glob("runs/tiny/*-s*"))
    assert [path.name[-3:] for path in runs] == ["-s0", "-s1"]
    (folder / "tiny.toml").write_text("seeds = [0, 1]\n" + TINY, encoding="utf-8")
    again = sim_here("tiny.toml", cwd=folder)
    assert "2 runs, 2 of them finished before" in again.stderr
    one = sim_here("tiny.toml", "--seed", "1", "--replace", cwd=folder)
    assert "runs)" not in one.stdout
    refused = sim_here("tiny.toml", "--seed", "1", "--seeds", "0..1", cwd=folder, code=2)
    assert "--seed" in refused.stderr


def test_an_interrupted_sweep_goes_on(folder):
    (folder / "tiny.toml").write_text('[engine]\ncheckpoint_every = "6h"\n' + TINY, encoding="utf-8")
    command = [
        sys.executable,
        ROOT / "sim.py",
        "sweep",
        "sweep.toml",
        "--workers",
        "1",
        "--progress",
        "plain",
    ]
    # A shell's background jobs ignore interrupts, and so would this one.
    begun = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    finally:
        signal.signal(signal.SIGINT, begun)
    for line in process.stderr:
        if "1 of 4 runs done" in line:
            os.killpg(process.pid, signal.SIGINT)
            break
    said = process.stderr.read()
    assert process.wait(60) == 130, said
    assert "the same command goes on" in said
    account = json.loads((folder / "runs" / "sweep" / "sweep.json").read_text(encoding="utf-8"))
    assert {run["status"] for run in account["runs"]} >= {"done", "open"}
    began = time.time_ns()
    sim_here("sweep", "sweep.toml", "--workers", "2", cwd=folder)
    times = [(run / "DONE").stat().st_mtime_ns for run in finished(folder)]
    assert len(times) == 4
    assert sum(when < began for when in times) >= 1
