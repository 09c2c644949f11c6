"""A real Dask cluster: a scheduler and two workers in another working directory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.commands import ROOT

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
