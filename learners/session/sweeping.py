"""A whole sweep, from its plan to what it leaves; what `sim.py sweep` and `--seeds` call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from learners.session.jobs import Planned, plan, work
from simulator.commands.failure import say
from simulator.commands.sweeps import announce, print_sweep
from simulator.sweep.dispatch import Place, dispatch
from simulator.sweep.effects import effects
from simulator.sweep.estimate import expected
from simulator.sweep.file import Search, Sweep
from simulator.sweep.grid import Cell, cells, points
from simulator.sweep.jobs import Notes, Outcome
from simulator.sweep.page import write_sweep_page
from simulator.sweep.progress import SweepProgress
from simulator.sweep.search import Study
from simulator.sweep.table import Row, write_account, write_table


@dataclass(frozen=True, slots=True)
class Asked:
    """How runs are done: ``folder`` is of the sweep, ``base`` of its runs; ``lanes`` methods of a run are trained at a time."""

    folder: Path
    base: Path
    place: Place
    lanes: int
    progress: str
    retries: int = 2
    stop: bool = False
    overrides: Sequence[str] = ()
    dump_samples: bool = False


@dataclass(slots=True)
class Going:
    """A sweep that is going on: what was planned so far, and what became of it."""

    name: str
    keys: Sequence[str]
    asked: Asked
    planned: list[Planned] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    best: str = ""

    def plan(self, some: Iterable[Cell], seeds: Sequence[int]) -> list[Planned]:
        """Plan the runs of some cells; what is finished is known at once."""
        asked = self.asked
        found = plan(
            some,
            seeds,
            folder=asked.folder,
            base=asked.base,
            lanes=asked.lanes,
            overrides=asked.overrides,
            dump_samples=asked.dump_samples,
        )
        self.planned += found
        for one in found:
            if one.finished:
                self.outcomes[one.job.id] = Outcome(one.job.id, "before", str(one.final), tries=0)
        return found

    def run(self, some: Sequence[Planned], view: SweepProgress, notes: Notes) -> None:
        """Do what is not finished."""
        asked = self.asked
        todo = [one.job for one in some if one.job.id not in self.outcomes]
        if not todo:
            return
        for outcome in dispatch(todo, work, asked.place, notes, retries=asked.retries, stop=asked.stop):
            self.outcomes[outcome.id] = outcome
            view.tell(outcome)

    def search(self, told: Sweep, search: Search, view: SweepProgress, notes: Notes) -> None:
        """Do the trials of a study, as many at a time as keep the workers busy."""
        study = Study(told, search)
        while trials := study.ask(max(self.asked.place.workers // len(told.seeds), 1)):
            batch = []
            for trial, point in trials:
                taken = {one.cell.name for one in self.planned}
                planned = self.plan(cells(told, [point], taken), told.seeds)
                view.more(-sum(one.finished for one in planned))
                batch.append((trial, planned))
            self.run([one for _, planned in batch for one in planned], view, notes)
            if self._stopped:
                return
            for trial, planned in batch:
                study.tell(trial, [one.final for one in planned if one.finished])
            self.best = study.best

    @property
    def _stopped(self) -> bool:
        return self.asked.stop and any(one.status == "failed" for one in self.outcomes.values())

    def finish(self) -> int:
        """Write and print what there is; return 1 where runs have failed for good, else 0."""
        folder, keys = self.asked.folder, self.keys
        folder.mkdir(parents=True, exist_ok=True)
        rows = [Row(one.cell, one.job.seed, self.outcomes.get(one.job.id)) for one in self.planned]
        account = write_account(folder / "sweep.json", rows, keys)
        table = write_table(folder / "sweep.parquet", rows, keys)
        found = list(effects(table, keys))
        left = [folder / "sweep.json", folder / "sweep.parquet"]
        if found:
            write_sweep_page(folder / "sweep.html", self.name, account, found)
            left.append(folder / "sweep.html")
        print_sweep(account, found, [row.run for row in rows if row.run is not None], left, self.best)
        return int(any(row.outcome is not None and row.outcome.status == "failed" for row in rows))


def run_sweep(name: str, told: Sweep, asked: Asked) -> int:
    """Do a sweep and print what it found; return 1 where runs have failed for good, else 0."""
    going = Going(name, list(told.set), asked)
    if told.search is None:
        return _go(going, going.plan(cells(told, points(told)), told.seeds))
    runs = told.search.trials * len(told.seeds) * len(told.scenarios)
    return _go(going, [], runs, told)


def run_seeds(name: str, scenario: str, wanted: Sequence[int], asked: Asked) -> int:
    """Run a scenario with several seeds and print their comparison; return 1 where runs have failed for good, else 0."""
    going = Going(name, [], asked)
    return _go(going, going.plan([Cell(scenario, "", {})], wanted))


def _go(going: Going, planned: Sequence[Planned], runs: int | None = None, told: Sweep | None = None) -> int:
    """Say what will be done, do it, and tell what came of it: also of what was done until it was interrupted."""
    asked, notes = going.asked, Notes(going.asked.folder)
    notes.clear()
    done = [(one.clicks, one.methods, one.final) for one in planned if one.finished]
    todo = [(one.clicks, one.methods) for one in planned if not one.finished]
    seconds = expected(todo, done, asked.place.workers) if runs is None else None
    announce(len(planned) if runs is None else runs, len(done), seconds, asked.place.told)
    try:
        with SweepProgress(
            asked.progress, len(todo) if runs is None else runs, notes.running, seconds
        ) as view:
            if told is not None and told.search is not None:
                going.search(told, told.search, view, notes)
            else:
                going.run(planned, view, notes)
    except KeyboardInterrupt:
        going.finish()
        say(f"interrupted: {len(going.outcomes)} runs are finished; the same command goes on")
        raise
    return going.finish()
