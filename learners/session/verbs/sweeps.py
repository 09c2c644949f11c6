"""The verb of many runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from learners.session.verbs.frame import app
from simulator.commands.options import On, Out, Overrides, Progress, Workers, verb
from simulator.errors import ScenarioError

if TYPE_CHECKING:
    from learners.session.sweeping import Asked


def asked_of(
    folder: Path,
    base: Path,
    workers: int | None,
    on: str | None,
    progress: str,
    overrides: Sequence[str],
    *,
    retries: int = 2,
    stop: bool = False,
    dump_samples: bool = False,
) -> Asked:
    """Return how runs are to be done: each with the cores that it has for itself.

    Raises
    ------
    ScenarioError : no worker is asked for, or workers of a cluster.
    """
    from joblib import cpu_count

    from learners.session.sweeping import Asked
    from simulator.sweep.dispatch import Place

    if workers is not None and on is not None:
        raise ScenarioError("--workers: a cluster has its own; leave it out with --on")
    if workers is not None and workers < 1:
        raise ScenarioError(f"--workers {workers}: must be at least 1")
    cores = cpu_count()
    place = Place(workers or cores, on or "")
    lanes = 1 if on else max(cores // place.workers, 1)
    return Asked(folder, base, place, lanes, progress, retries, stop, tuple(overrides), dump_samples)


def seeds_of(
    of_scenario: Sequence[int], seed: int | None, seeds: str | None, *, replace: bool
) -> Sequence[int]:
    """Return the seeds of several runs: those of the command line, else of the scenario; none for one run.

    Raises
    ------
    ScenarioError : they are no seeds, or are given beside one seed, or with --replace.
    """
    from simulator.scenario.seeds import parse_seeds

    if seed is not None and seeds is not None:
        raise ScenarioError("--seed and --seeds: give one of them")
    if seed is not None:
        return ()
    try:
        wanted = of_scenario if seeds is None else parse_seeds(seeds)
    except ValueError as error:
        raise ScenarioError(f"--seeds {error}") from None
    if wanted and replace:
        raise ScenarioError(
            "--replace: is for one run (--seed N); of several those that are finished are kept: remove them, or use --out"
        )
    return wanted


@verb(
    app,
    "sweep sweep.toml",
    "sweep sweep.toml --workers 8 --out runs/delays",
    "sweep sweep.toml --on dask://10.0.0.1:8786",
)
def sweep(
    file: Path,
    /,
    *,
    workers: Workers = None,
    on: On = None,
    out: Out = None,
    overrides: Overrides = (),
    progress: Progress = "auto",
) -> int:
    """Run scenarios with many seeds and values; go on with a sweep that was interrupted.

    FILE says which scenarios, seeds and values ([sweep]: scenarios, seeds, set, random,
    search, retries, on_failure). Runs that are finished are not made again, killed
    ones go on from their checkpoints. What runs share (worlds, logs, pre-trained
    models) is made once.

    Leaves sweep.parquet (one row a run, method, task, phase and metric), sweep.json
    (what became of each run), sweep.html, and the runs below runs/, for `compare`.
    Exit 1 where a run failed for good; the others are there.
    """
    from learners.session.sweeping import run_sweep
    from simulator.sweep.file import read_sweep

    told = read_sweep(file)
    folder = Path(out) if out is not None else Path("runs") / file.stem
    asked = asked_of(
        folder,
        folder / "runs",
        workers,
        on,
        progress,
        ("output.report=false", *overrides),
        retries=told.retries,
        stop=told.on_failure == "stop",
    )
    return run_sweep(file.stem, told, asked)
