"""What is sent to a worker, what comes back, and the notes that workers leave on the disk meanwhile."""

from __future__ import annotations

import json
import os
import platform
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from simulator.atomic import write_text


@dataclass(frozen=True, slots=True)
class Job:
    """One run: all that a worker on another machine, in another directory, needs. Paths are absolute."""

    id: str
    """Unique in the sweep; a file name."""
    scenario: Path
    """A resolved scenario."""
    seed: int
    base: Path
    """Folder of the run directories."""
    folder: Path
    """Of the sweep."""
    lanes: int
    """Methods trained at a time: so many cores of its machine are its own."""
    shares: str
    """Runs with the same text need the same world."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job. ``before``: its run was there already."""

    id: str
    status: Literal["done", "before", "failed"]
    run: str = ""
    """The run directory."""
    seconds: float = 0.0
    error: str = ""
    host: str = ""
    again: bool = False
    """Whether it may end otherwise when it is tried again."""
    tries: int = 1


MOST_DEATHS = 3
"""Of so many no worker is given it again: a cluster begins it again by itself, and after four deaths takes it for bad."""


def killed(job: Job, tries: int) -> Outcome:
    """Return what becomes of a job that kills its workers."""
    return Outcome(job.id, "failed", error="its worker was killed: out of memory?", tries=tries)


class Notes:
    """The folder in which workers note what they are at: a note that outlives its worker says who was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "running"

    def clear(self) -> None:
        """Forget what an earlier sweep left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for note in self._folder.iterdir():
            note.unlink(missing_ok=True)

    def running(self) -> list[str]:
        """Return the ids of the jobs that are noted."""
        return [path.stem for path in self._folder.glob("*.json")]

    @contextmanager
    def noted(self, job: str) -> Iterator[int]:
        """Note a job while the block runs; yield how many workers have died of it since the note was made."""
        note = self._folder / f"{job}.json"
        note.parent.mkdir(parents=True, exist_ok=True)
        deaths = json.loads(note.read_text(encoding="utf-8"))["deaths"] + 1 if note.exists() else 0
        write_text(note, json.dumps({"host": platform.node(), "pid": os.getpid(), "deaths": deaths}))
        try:
            yield deaths
        finally:
            note.unlink(missing_ok=True)

    def forget(self, jobs: Sequence[str]) -> None:
        """Remove the notes of jobs whose workers are dead."""
        for job in jobs:
            (self._folder / f"{job}.json").unlink(missing_ok=True)


def ordered(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs in the order in which they begin: first one of each world, so that no worker waits for another's."""
    groups: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.shares].append(job)
    most = max((len(group) for group in groups.values()), default=0)
    return [group[turn] for turn in range(most) for group in groups.values() if turn < len(group)]
