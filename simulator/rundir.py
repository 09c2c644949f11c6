"""The directory that a run leaves behind: made aside, renamed when whole, never half written."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from simulator.atomic import put_in_place, write_text
from simulator.errors import RunBusyError, RunError
from simulator.program import program

if TYPE_CHECKING:
    from filelock import BaseFileLock

PARTIAL = ".partial"
PACKAGES = ("torch", "numpy", "scipy", "duckdb", "pyarrow", "simpy", "pydantic")

_DONE = "DONE"
"""The file that a run writes last."""


def place_of_run(base: Path, scenario_name: str, config_hash: str, seed: int) -> Path:
    """Return where the directory of a run is once it is whole."""
    return base / scenario_name / f"{config_hash}-s{seed}"


def is_finished(run: Path) -> bool:
    """Tell whether a run directory is there, and whole."""
    return (run / _DONE).is_file()


class RunDirectory:
    """``<base>/<name>/<config hash>-s<seed>/``, written as ``....partial`` until `finish`.

    A lock held by the process keeps two runs out of one directory; it ends with the process, however it ends.
    Made by `create` (a new run) or `reopen` (a run to go on with). As a context manager it abandons what was
    not finished.
    """

    def __init__(self, final: Path, lock: BaseFileLock) -> None:
        self.final = final
        self._lock: BaseFileLock | None = lock

    @classmethod
    def create(
        cls, base: Path, scenario_name: str, config_hash: str, seed: int, *, replace: bool = False
    ) -> RunDirectory:
        """Make the directory of a new run.

        Raises
        ------
        RunError : it exists, or another process is writing it, or an interrupted run could be resumed; with
            ``replace`` only the second is refused (what exists stays until the new run is whole).
        """
        final = place_of_run(base, scenario_name, config_hash, seed)
        if final.exists() and not replace:
            raise RunError(
                f"{final}: this scenario has been run with this seed already. "
                f"Read it with `{program()} report {final}`, choose another place with --out DIR, "
                "or run anew with --replace."
            )
        run = cls(final, _acquire(final))
        if run.resumable and not replace:
            run._release()
            raise RunError(
                f"{run.partial}: an interrupted run with checkpoints. "
                f"Go on with `{program()} resume {run.partial}`, or run anew with --replace."
            )
        try:
            if run.partial.exists():
                shutil.rmtree(run.partial)
            run.partial.mkdir()
        except OSError:
            run._release()
            raise
        return run

    @classmethod
    def reopen(cls, path: Path) -> RunDirectory:
        """Take up an interrupted run, named with or without ``.partial``.

        Raises
        ------
        RunError : there is none, it is finished, it has no checkpoint, or another process is writing it.
        """
        final = path.with_name(path.name.removesuffix(PARTIAL))
        if final.exists():
            raise RunError(f"{final}: this run is finished; there is nothing to resume.")
        if not final.with_name(final.name + PARTIAL).is_dir():
            raise RunError(f"{path}: no such run.")
        run = cls(final, _acquire(final))
        if not run.resumable:
            run._release()
            raise RunError(
                f"{run.partial}: holds no checkpoint to resume from. engine.checkpoint_every writes some. "
                'A run with stream.protocol = "offline" keeps none: run its scenario again, to the same numbers.'
            )
        return run

    @property
    def partial(self) -> Path:
        """Where the run is written until it is whole."""
        return self.final.with_name(self.final.name + PARTIAL)

    @property
    def path(self) -> Path:
        """Where the run is now."""
        return self.partial if self._lock is not None else self.final

    @property
    def manifest(self) -> Path:
        """Versions, machine, command line, seed, fingerprints."""
        return self.path / "manifest.json"

    @property
    def resolved(self) -> Path:
        """The scenario with every default filled in."""
        return self.path / "scenario.resolved.toml"

    @property
    def summary(self) -> Path:
        """The results of each method and task, and the counts of the log."""
        return self.path / "summary.json"

    @property
    def metrics(self) -> Path:
        """Every metric of every segment, long form."""
        return self.path / "metrics.parquet"

    @property
    def predictions(self) -> Path:
        """What each method predicted for each click."""
        return self.path / "predictions.parquet"

    @property
    def quarantine(self) -> Path:
        """The rows that were not replayed, with the reason."""
        return self.path / "quarantine.parquet"

    @property
    def report(self) -> Path:
        """The self-contained report."""
        return self.path / "report.html"

    @property
    def wins(self) -> Path:
        """What every method won, of a run with auctions."""
        return self.path / "wins.parquet"

    @property
    def samples(self) -> Path:
        """Directory of the samples of each method (made when asked for)."""
        return self._directory("samples")

    @property
    def checkpoints(self) -> Path:
        """Directory of the states from which the run can go on (made when asked for)."""
        return self._directory("checkpoints")

    @property
    def resumable(self) -> bool:
        """Whether there is a checkpoint."""
        checkpoints = self.partial / "checkpoints"
        return checkpoints.is_dir() and any(checkpoints.iterdir())

    def finish(self) -> Path:
        """Mark the run as done and move it to its final place; return that."""
        if self._lock is None:
            return self.final
        write_text(self.partial / _DONE, datetime.now(UTC).isoformat(timespec="seconds") + "\n")
        put_in_place(self.partial, self.final)
        self._release()
        return self.final

    def abandon(self) -> None:
        """Remove what was written, unless it can be resumed; then let go of the directory."""
        if self._lock is None:
            return
        if not self.resumable:
            shutil.rmtree(self.partial, ignore_errors=True)
        self._release()
        with contextlib.suppress(OSError):  # other seeds may be there
            self.final.parent.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    def _directory(self, name: str) -> Path:
        directory = self.path / name
        directory.mkdir(exist_ok=True)
        return directory

    def _release(self) -> None:
        if self._lock is not None:
            with contextlib.suppress(OSError):  # Windows: it is held open, and goes when it is let go of
                _lock_file(self.final).unlink()
            self._lock.release()
            self._lock = None


def _lock_file(final: Path) -> Path:
    return final.with_name(f".{final.name}.lock")


def _acquire(final: Path) -> BaseFileLock:
    """Take the lock of a run directory. Its last holder may remove the folder meanwhile: then try anew."""
    from filelock import FileLock, Timeout

    lock = FileLock(_lock_file(final), blocking=False)
    while True:
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except FileNotFoundError:
            continue
        except Timeout:
            raise RunBusyError(f"{final}: another process is writing this run now.") from None
        return lock


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON for people and programs: indented, in the order given, strict (no NaN)."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def manifest(
    *, seed: int, config_hash: str, threads: int, fingerprint: str, argv: Sequence[str] | None = None
) -> dict[str, Any]:
    """Say what made a run: software, machine, command, identities. Imports nothing for it.

    ``fingerprint`` is that of the data, ``threads`` the torch threads of an operation (both change results).
    ``started`` is wall time (UTC); nothing else of a run depends on it.
    """
    return {
        "afterclick": software_version(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "argv": list(sys.argv if argv is None else argv),
        "seed": seed,
        "config_hash": config_hash,
        "data_fingerprint": fingerprint,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def software_version() -> str:
    """Return the version of afterclick: of this source tree, or of the installed distribution."""
    project = Path(__file__).parents[1] / "pyproject.toml"
    if project.is_file():
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    return _version("afterclick") or "unknown"


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
