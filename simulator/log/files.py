"""The Parquet files of one folder of a log: which of them hold which rows and which span of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.errors import LogError
from simulator.store import Location


@dataclass(frozen=True, slots=True)
class File:
    """One file: its rows are ``[first_row, first_row + rows)`` of the folder, its times (events: those at which they became
    known) ``[start, end]``.
    """

    path: str
    first_row: int
    rows: int
    start: int
    end: int


def index(root: Location, names: Sequence[str], by: str = "time") -> tuple[File, ...]:
    """Read the footers of ``names`` (relative to ``root``) in replay order; they are sorted ``by`` that column.

    Raises
    ------
    LogError
        If a file cannot be read as Parquet.
    """
    files: list[File] = []
    row = 0
    for name in sorted(names, key=_day):
        path = root / name
        try:
            with path.open("rb") as file:
                metadata = pq.read_metadata(file)
        except (OSError, pa.ArrowInvalid) as error:
            raise LogError(f"{path}: cannot be read as Parquet ({str(error).splitlines()[0]})") from None
        start, end = _extremes(metadata, by)
        files.append(File(str(path), row, metadata.num_rows, start, end))
        row += metadata.num_rows
    return tuple(files)


def _day(name: str) -> tuple[int, str]:
    digits = Path(name).stem.removeprefix("day=")
    if not digits.isdecimal():
        raise LogError(f"{name}: is not named day=NNNN.parquet")
    return int(digits), name


def _extremes(metadata: pq.FileMetaData, by: str) -> tuple[int, int]:
    """Return the first and last time from the row groups' statistics; files of truth have no times."""
    if by not in metadata.schema.names or not metadata.num_row_groups:
        return 0, 0
    column = metadata.schema.names.index(by)
    groups = [metadata.row_group(g).column(column).statistics for g in range(metadata.num_row_groups)]
    return min(g.min for g in groups), max(g.max for g in groups)


def overlapping(files: Sequence[File], start: int | None, end: int | None) -> list[File]:
    """Return the files that may hold times of ``[start, end)``."""
    return [f for f in files if (start is None or f.end >= start) and (end is None or f.start < end)]
