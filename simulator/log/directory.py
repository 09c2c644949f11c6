"""The directory of a new log, which appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator.atomic import put_in_place
from simulator.errors import LogError
from simulator.log.fingerprint import FOLDERS

_PARTS = {"meta.toml", "quarantine.parquet", *FOLDERS}


def _replaceable(out: Path) -> bool:
    """Tell whether nothing but a log (whole or damaged) would be lost: somebody may have named their home."""
    return out.is_dir() and {path.name for path in out.iterdir()} <= _PARTS


class NewDirectory:
    """Write into ``path`` (a sibling of ``out``), then `commit`; whatever goes wrong before leaves nothing
    behind.

    Raises
    ------
    LogError
        If ``out`` exists and ``replace`` is not set, is something else than a log, or cannot be written.
    """

    def __init__(self, out: Path, *, replace: bool = False) -> None:
        if out.exists() and not replace:
            raise LogError(f"{out}: exists already; choose another place, or replace it (--replace)")
        if out.exists() and not _replaceable(out):
            raise LogError(
                f"{out}: holds something else than a log, so it is not replaced; choose another place"
            )
        self.out = out
        self.path = out.with_name(f"{out.name}.partial-{os.getpid()}")
        try:
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir(parents=True)
        except OSError as error:
            raise LogError(f"{out}: cannot be written ({error.strerror})") from None

    def commit(self) -> None:
        """Rename to ``out``."""
        put_in_place(self.path, self.out)

    def discard(self) -> None:
        """Remove what was written; harmless after `commit`."""
        shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def link(file: Path, target: Path) -> None:
    """Give a file of a log a second name; copy it where the two lie on different disks."""
    target.parent.mkdir(exist_ok=True)
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)
