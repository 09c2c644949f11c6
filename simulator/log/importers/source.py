"""Read a delimited source, one file or several, gzip or plain, as text columns; lines of another shape are
rejected, not lost.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from simulator.errors import LogError, UsageError
from simulator.log.sql import identifier, literal, one_line

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_FIRST_LINE = 65_536
_SHARDS = ("*.txt", "*.txt.gz")


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of a format in their order, whether the first line names them, whether values may be quoted,
    what parts them, and whether it matters in which of the files a row is (``parts``).
    """

    columns: tuple[str, ...]
    header: bool
    quoted: bool = False
    delimiter: str = ","
    parts: bool = False


def integer(column: str, digits: int = 18) -> str:
    """SQL for a column of text as a non-negative integer, null where it is none (a plain cast would round
    '1.5').
    """
    text = f"trim({identifier(column)})"
    return f"CASE WHEN regexp_full_match({text}, '[0-9]{{1,{digits}}}') THEN CAST({text} AS BIGINT) END"


def has_nul(columns: Sequence[str]) -> str:
    """SQL that tells whether one of the text columns holds a NUL byte: such a line is binary, not text."""
    return " OR ".join(f"coalesce(contains({identifier(name)}, chr(0)), false)" for name in columns)


def source_files(path: Path, *, shards: bool) -> list[Path]:
    """Return the files of a source: the one that is named, or, with ``shards``, the ``*.txt`` of a directory
    by name.

    Raises
    ------
    UsageError
        If nothing is there, or a directory where one file is wanted.
    """
    if not path.is_dir():
        if not path.exists():
            raise UsageError(f"{path}: no such file")
        return [path]
    if not shards:
        raise UsageError(f"{path}: is a directory; name the file in it")
    found = sorted(file for pattern in _SHARDS for file in path.glob(pattern) if file.is_file())
    if not found:
        raise UsageError(f"{path}: is a directory without shards; expected {' or '.join(_SHARDS)}")
    return found


def first_line(path: Path) -> str:
    """Return the first line of a file (at most 64 KiB of it), unpacked.

    Raises
    ------
    UsageError
        If the file is missing, empty, or not what its name says.
    """
    return _look(path)[1]


def read_source(con: duckdb.DuckDBPyConnection, files: Sequence[Path], layout: Layout) -> int:
    """Make ``source`` (``line``, then the columns as text) and ``rejected`` (source_row, reason); return the
    number of rows.

    ``line`` counts the lines that could be split, through all files in their order. Where the layout has parts, ``file`` is
    the place of each one's file among them, and follows ``line``.

    Raises
    ------
    UsageError
        If a file is missing, empty, not what its name says, or not of the ``layout``.
    LogError
        If one cannot be read to its end, or holds no line of the layout.
    """
    packed = {_check(path, layout) for path in files}
    if len(packed) > 1:
        raise UsageError(f"{files[0].parent}: some shards are gzip and some are not; make them alike")
    rows = 0
    for encoding in ("utf-8", "latin-1"):
        rows = _read(con, files, layout, "gzip" if True in packed else "none", encoding)
        [(foreign,)] = con.execute(
            "SELECT count(*) FROM reject_errors WHERE CAST(error_type AS VARCHAR) = 'INVALID ENCODING'"
        ).fetchall()
        if not foreign:
            break
    con.execute(
        "CREATE TABLE rejected AS SELECT first(csv_line ORDER BY column_idx) AS source_row, "
        "'line cannot be read: ' || lower(first(CAST(error_type AS VARCHAR) ORDER BY column_idx)) AS reason "
        "FROM reject_errors GROUP BY file_id, line"
    )
    [(rejected,)] = con.execute("SELECT count(*) FROM rejected").fetchall()
    if not rows:
        told = ", ".join(layout.columns)
        raise LogError(f"{files[0]}: has no row that can be read; expected columns {told}")
    return rows + int(rejected)


def _read(
    con: duckdb.DuckDBPyConnection, files: Sequence[Path], layout: Layout, compression: str, encoding: str
) -> int:
    quote = '"' if layout.quoted else ""
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in layout.columns)
    listed = ", ".join(literal(str(path)) for path in files)
    part = f"list_position([{listed}], filename) - 1 AS file, " if layout.parts else ""
    for table in ("source", "rejected", "reject_errors", "reject_scans"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    try:
        con.execute(f"""
            CREATE TABLE source AS SELECT row_number() OVER () AS line,
                {part}* EXCLUDE (filename) FROM read_csv([{listed}], filename = true,
                auto_detect = false, columns = {{{columns}}}, header = {layout.header},
                delim = {literal(layout.delimiter)}, quote = {literal(quote)}, escape = {literal(quote)},
                compression = {literal(compression)}, encoding = {literal(encoding)},
                store_rejects = true, rejects_limit = 0)
        """)
    except duckdb.Error as error:
        named = str(files[0]) if len(files) == 1 else f"{files[0].parent} ({len(files)} files)"
        raise LogError(f"{named}: cannot be read ({one_line(error)})") from None
    [(rows,)] = con.execute("SELECT count(*) FROM source").fetchall()
    return int(rows)


def _check(path: Path, layout: Layout) -> bool:
    """Look at the first bytes and the first line; tell whether the file is packed."""
    compressed, line = _look(path)
    fields = line.split(layout.delimiter)
    found = [field.strip().strip('"') for field in fields]
    if layout.header and found != list(layout.columns):
        expected = layout.delimiter.join(layout.columns)
        raise UsageError(f"{path}: its first line is {line!r:.200}; expected {expected!r}")
    if not layout.header and len(found) != len(layout.columns):
        expected = ", ".join(layout.columns)
        raise UsageError(
            f"{path}: its first line has {len(found)} columns; expected {len(layout.columns)} ({expected})"
        )
    return compressed


def _look(path: Path) -> tuple[bool, str]:
    """Return whether a file is packed, and its first line."""
    try:
        if path.is_dir():
            raise UsageError(f"{path}: is a directory; name the file in it")
        with path.open("rb") as file:
            magic = file.read(4)
        compressed = magic.startswith(_GZIP)
        if path.suffix == ".gz" and not compressed:
            raise UsageError(f"{path}: is named .gz but is not gzip")
        if magic == _ZIP:
            raise UsageError(
                f"{path}: is a zip archive (or an .xlsx workbook); unpack it, or save it as CSV, first"
            )
        with gzip.open(path) if compressed else path.open("rb") as file:
            first = file.read(_FIRST_LINE)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not first.strip():
        raise UsageError(f"{path}: is empty")
    # Only the ends of lines that DuckDB knows: text may hold others (form feed, U+2028).
    return compressed, first.decode("utf-8-sig", "replace").replace("\r", "\n").split("\n", 1)[0]
