"""A sweep on a real Dask cluster: two worker processes in another working directory, one of them killed at work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from simulator.sweep.dispatch import Place, dispatch
from simulator.sweep.jobs import Notes
from tests.commands import ROOT
from tests.simulator.sweep.works import job, moody

pytest.importorskip(
    "distributed", reason="Dask is not installed (pip install distributed): no cluster to run on"
)


@pytest.fixture
def cluster(tmp_path):
    """The address of a scheduler with two workers of one thread; the package is on their path, their folder is empty."""
    where = tmp_path / "elsewhere"
    where.mkdir()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    begun = []

    def begin(kind, *words):
        log = (where / f"{kind}{len(begun)}.log").open("w+", encoding="utf-8")
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words]
        begun.append(subprocess.Popen(command, cwd=where, env=env, stdout=log, stderr=log))
        return log

    log = begin("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    address = ""
    while not address:
        time.sleep(0.1)
        assert begun[0].poll() is None, (where / "scheduler0.log").read_text()
        log.seek(0)
        address = "".join(re.findall(r"Scheduler at:\s+tcp://(\S+)", log.read()))
    for _ in range(2):
        begin("worker", address, "--nthreads", "1", "--no-dashboard", "--nanny")
    yield address
    for process in reversed(begun):
        process.terminate()
    for process in begun:
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


def test_a_cluster_survives_a_killed_worker(cluster, tmp_path):
    folder = tmp_path / "sweep"
    folder.mkdir()
    notes = Notes(folder)
    notes.clear()
    jobs = [job(name, folder) for name in ("killed-once", "slow", "fails-once", "fine", "dies")]
    found = {
        one.id: one.status for one in dispatch(jobs, moody, Place(2, f"dask://{cluster}"), notes, retries=2)
    }
    assert found == dict.fromkeys(("killed-once", "slow", "fails-once", "fine"), "done") | {"dies": "failed"}
    assert len(list(folder.glob("killed-once.attempt*"))) >= 2
    assert len(list(folder.glob("dies.attempt*"))) >= 3, "its cluster tried it again"
