"""Text files whose lines end in several ways, copied with one: files put together on several systems have that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from simulator.log.intake.files import SourceFile, unpacked

_CHUNK = 1 << 24


def with_one_end(con: duckdb.DuckDBPyConnection, files: Sequence[SourceFile]) -> list[SourceFile]:
    """Copy text files, unpacked, into the workspace of ``con`` with lines that end in a line feed alone."""
    [(spill,)] = con.execute("SELECT current_setting('temp_directory')").fetchall()
    folder = Path(spill).parent / "lines"
    folder.mkdir(exist_ok=True)
    copied = []
    for file in files:
        path = folder / f"{len(list(folder.iterdir()))}.txt"
        _copy(file, path)
        copied.append(replace(file, path=str(path), compression="none"))
    return copied


def _copy(file: SourceFile, path: Path) -> None:
    with Path(file.path).open("rb") as packed, path.open("wb") as out:
        source, kept = unpacked(packed, file.compression), b""
        while chunk := source.read(_CHUNK):
            chunk = kept + chunk
            kept = b"\r" if chunk.endswith(b"\r") else b""  # its line feed may be the next chunk's first
            chunk = chunk[: len(chunk) - len(kept)]
            out.write(chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        out.write(kept.replace(b"\r", b"\n"))
