"""Files that appear whole or not at all: written aside, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes its place when the block ends, and goes if the block fails.

    Each thread of each process has a name of its own, so that two who write the same file do not meet.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.partial")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file or nothing."""
    with written_whole(path) as aside:
        aside.write_text(text, encoding="utf-8")
