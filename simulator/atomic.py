"""Files and directories that appear whole or not at all: written under another name, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes its place when the block ends, and goes if the block fails.

    Each thread of each process has a name of its own, so that two who write the same file do not meet.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file or nothing."""
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def put_in_place(partial: Path, out: Path) -> None:
    """Rename a directory that is whole. What was at ``out`` is moved away first and deleted last."""
    old = out.with_name(f".{out.name}.{os.getpid()}-{get_ident()}.old")
    if out.exists():
        out.rename(old)
    partial.rename(out)
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink(missing_ok=True)
