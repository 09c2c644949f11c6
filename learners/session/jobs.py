"""Many runs: what a worker does for one of them, and how a sweep is planned, done and told."""

from __future__ import annotations

import platform
import traceback
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, sleep
from typing import Literal

from learners.catalog import resolve_all
from learners.device import check_devices
from learners.precision import settled_scenario
from learners.session.lint import check_methods
from learners.session.plan import identity_of
from simulator.atomic import write_text
from simulator.data import open_data
from simulator.errors import AfterclickError, RunBusyError, RunError, ScenarioError
from simulator.log.meta import read_meta
from simulator.rundir import PARTIAL, is_finished, place_of_run
from simulator.scenario.load import Loaded, load_scenario
from simulator.scenario.resolve import to_toml
from simulator.sweep.grid import Cell
from simulator.sweep.jobs import MOST_DEATHS, Job, Notes, Outcome, killed
from simulator.worlds.cache import world_key


@dataclass(frozen=True, slots=True)
class Planned:
    """A job and what is known of it before it begins."""

    cell: Cell
    job: Job
    final: Path
    """Where its run will be."""
    clicks: int
    methods: int

    @property
    def finished(self) -> bool:
        """Whether the run is there already."""
        return is_finished(self.final)


def plan(
    cells: Iterable[Cell],
    seeds: Sequence[int],
    *,
    folder: Path,
    base: Path,
    lanes: int,
    overrides: Sequence[str] = (),
    dump_samples: bool = False,
) -> list[Planned]:
    """Check every cell, write its resolved scenario into the sweep's folder, and return its runs, cell by cell.

    Cells that come to the same run give it once. Logs of ``[data]`` are ingested here.

    Raises
    ------
    ScenarioError : with every fault of every cell.
    """
    faults: dict[str, None] = {}
    found: dict[Path, Planned] = {}
    for cell in cells:
        try:
            for one in _of_cell(cell, seeds, folder, base, lanes, overrides, dump_samples=dump_samples):
                found.setdefault(one.final, one)
        except ScenarioError as error:
            faults |= dict.fromkeys(error.faults)
    if faults:
        raise ScenarioError(faults)
    return list(found.values())


def _of_cell(
    cell: Cell,
    seeds: Sequence[int],
    folder: Path,
    base: Path,
    lanes: int,
    overrides: Sequence[str],
    *,
    dump_samples: bool,
) -> Iterable[Planned]:
    texts = [*overrides, *cell.overrides, "seeds=[]", *([f'name="{cell.name}"'] if cell.name else [])]
    texts += ["output.samples=true"] if dump_samples else []
    # What is fastest here is so for all workers: seeds in different precision are no replicates.
    loaded, _ = settled_scenario(load_scenario(Path(cell.scenario), texts, check=check_methods))
    scenario = loaded.scenario
    methods = resolve_all(scenario)
    check_devices(methods)
    path = folder.absolute() / "scenarios" / f"{cell.name or scenario.name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, to_toml(loaded))
    identity = ""
    for seed in seeds:
        own = replace(loaded, scenario=scenario.model_copy(update={"seed": seed}))
        if scenario.world is not None:
            shares = world_key(scenario.world, scenario.windows.windows(), seed)
            clicks = int(scenario.world.days * scenario.world.clicks_per_day)
            identity = identity or identity_of(own.scenario, methods, None)
        else:
            log = open_data(own, "none")
            shares, clicks = str(log), read_meta(log).clicks
            identity = identity_of(own.scenario, methods, log)
        final = place_of_run(base.absolute(), scenario.name, identity, seed)
        job = Job(
            f"{scenario.name}-{identity}-s{seed}",
            path,
            seed,
            base.absolute(),
            folder.absolute(),
            lanes,
            shares,
        )
        yield Planned(cell, job, final, clicks, len(methods))


def work(job: Job) -> Outcome:
    """Do a job in whatever process, on whatever machine: run it, go on with it, or find it done. Raises nothing.

    What it has to say, and the traceback of a failure, goes to ``logs/`` of the sweep.
    """
    began = perf_counter()
    log = job.folder / "logs" / f"{job.id}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with Notes(job.folder).noted(job.id) as deaths, log.open("w", encoding="utf-8") as said:
        if deaths >= MOST_DEATHS:
            return killed(job, deaths)
        try:
            with redirect_stdout(said), redirect_stderr(said):
                run, before = _waiting(job)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other runs go on
            traceback.print_exc(file=said)
            known = isinstance(error, AfterclickError)
            why = str(error) if known else f"{type(error).__name__}: {error}"
            first = why.partition("\n")[0]
            return Outcome(
                job.id, "failed", "", perf_counter() - began, first, platform.node(), again=not known
            )
    status: Literal["before", "done"] = "before" if before else "done"
    return Outcome(job.id, status, str(run), perf_counter() - began, host=platform.node())


def _waiting(job: Job) -> tuple[Path, bool]:
    """Run a job, or wait for whoever does: a cluster may have begun it again where a worker only seemed lost."""
    while True:
        try:
            return _run(job)
        except RunBusyError:
            sleep(1.0)


def _run(job: Job) -> tuple[Path, bool]:
    """Return the finished run directory, and whether it was there before."""
    from learners.session.run import resume, run

    loaded = load_scenario(job.scenario, [f"engine.workers={job.lanes}"], seed=job.seed, check=check_methods)
    final = _place_of(loaded, job.base)
    if is_finished(final):
        return final, True
    partial = final.with_name(final.name + PARTIAL)
    if any(partial.glob("checkpoints/*")):
        try:
            return resume(partial, "none"), False
        except RunBusyError:
            raise
        except RunError as error:  # made by another version, or damaged: anew
            print(f"not resumed: {error}")
    dump = loaded.scenario.output.samples
    return run(loaded, run_dir_base=job.base, dump_samples=dump, progress="none", replace=True), False


def _place_of(loaded: Loaded, base: Path) -> Path:
    scenario = loaded.scenario
    methods = resolve_all(scenario)
    log = None if scenario.data is None else open_data(loaded, "none")
    return place_of_run(base, scenario.name, identity_of(scenario, methods, log), scenario.seed)
