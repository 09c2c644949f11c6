"""The folder of samples, which appears whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator.atomic import put_in_place
from simulator.errors import LogError, UsageError
from simulator.store import Location, StorePath

FILE = "samples.toml"
"""What says of which order the samples are. In a store it is written last: a folder without it is not whole."""
RUNS = ".runs"


class NewSamples:
    """Write into ``path`` (beside ``out``), then `commit`; whatever goes wrong before leaves nothing behind.

    What a process that was killed left there is removed by the next one: while somebody writes, nobody else can.

    Raises
    ------
    UsageError : ``out`` exists and ``replace`` is not set, it is no folder of samples, or somebody is writing it.
    LogError : nothing can be written there.
    """

    def __init__(self, out: Path, *, replace: bool = False) -> None:
        from filelock import FileLock, Timeout

        if out.exists() and not replace:
            raise UsageError(f"{out}: exists already; choose another folder, or say --replace")
        if out.exists() and not self._replaceable(out):
            raise UsageError(
                f"{out}: holds something else than samples, so it is not replaced; choose another folder"
            )
        self.out, self.path = out, out.with_name(f".{out.name}.partial")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(out.with_name(f".{out.name}.lock"))
            self._lock.acquire(timeout=0)
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir()
        except Timeout:
            raise UsageError(f"{out}: somebody is writing it; wait, or choose another folder") from None
        except OSError as error:
            raise LogError(f"{out}: cannot be written ({error.strerror})") from None

    @staticmethod
    def _replaceable(out: Path) -> bool:
        """Tell whether nothing but samples would be lost: somebody may have named their home."""
        if not out.is_dir():
            return False
        return all(_ours(path) for path in out.iterdir())

    def commit(self) -> None:
        """Rename to ``out``."""
        put_in_place(self.path, self.out)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()


class NewObjects:
    """Write into ``path``, which is ``out``: a store renames nothing. Whatever goes wrong leaves no objects.

    What a process that was killed left there is no whole folder, and is removed by the next one.

    Raises
    ------
    UsageError : ``out`` exists, is whole, and ``replace`` is not set; or there is something else than samples.
    LogError : the store cannot be reached.
    """

    def __init__(self, out: StorePath, *, replace: bool = False) -> None:
        self.out = self.path = out
        self._whole = False
        if (out / FILE).is_file() and not replace:
            raise UsageError(f"{out}: exists already; choose another folder, or say --replace")
        if out.is_file() or not all(_ours(path) for path in out.iterdir()):
            raise UsageError(
                f"{out}: holds something else than samples, so it is not replaced; choose another folder"
            )
        out.remove()

    def commit(self) -> None:
        """Keep what is there."""
        self._whole = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._whole:
            self.out.remove()


def new_samples(out: Location, *, replace: bool) -> NewSamples | NewObjects:
    """Return the new folder of samples at a place."""
    return NewSamples(out, replace=replace) if isinstance(out, Path) else NewObjects(out, replace=replace)


def remove(folder: Location) -> None:
    """Remove a folder with all that is in it."""
    if isinstance(folder, Path):
        shutil.rmtree(folder)
    else:
        folder.remove()


def _ours(path: Location) -> bool:
    return path.name in {FILE, RUNS} or path.match("segment=*.parquet")
