"""What workers do in these tests."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from simulator.sweep.jobs import MOST_DEATHS, Job, Notes, Outcome, killed


def job(name: str, folder: Path, shares: str = "") -> Job:
    return Job(name, folder / f"{name}.toml", 0, folder, folder, 1, shares)


def fine(one: Job) -> Outcome:
    with Notes(one.folder).noted(one.id):
        return Outcome(one.id, "done", run=one.id)


def moody(one: Job) -> Outcome:
    """Do what the name of the job says: each attempt leaves a file."""
    with Notes(one.folder).noted(one.id) as deaths:
        if deaths >= MOST_DEATHS:
            return killed(one, deaths)
        attempt = len(list(one.folder.glob(f"{one.id}.attempt*")))
        (one.folder / f"{one.id}.attempt{attempt}").touch()
        if one.id.startswith("dies") or (one.id.startswith("killed-once") and attempt == 0):
            time.sleep(0.5)  # the others are at work, too
            os.kill(os.getpid(), signal.SIGKILL)
        if one.id.startswith("slow"):
            time.sleep(1.5)
        if one.id.startswith("fails") or (one.id.startswith("fails-once") and attempt == 0):
            again = one.id != "fails-for-good"
            if one.id != "fails-once" or attempt == 0:
                return Outcome(one.id, "failed", error="it was so", again=again)
        return Outcome(one.id, "done", run=one.id)
