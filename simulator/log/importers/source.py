"""Read a comma-separated source file, gzip or plain, as text columns; lines of another shape are rejected,
not lost.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import duckdb

from simulator.errors import LogError
from simulator.log.sql import identifier, literal, one_line

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_FIRST_LINE = 65_536


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of a format in their order, whether the first line names them, and whether values may be
    quoted.
    """

    columns: tuple[str, ...]
    header: bool
    quoted: bool = False


def integer(column: str, digits: int = 18) -> str:
    """SQL for a column of text as a non-negative integer, null where it is none (a plain cast would round
    '1.5').
    """
    text = f"trim({identifier(column)})"
    return f"CASE WHEN regexp_full_match({text}, '[0-9]{{1,{digits}}}') THEN CAST({text} AS BIGINT) END"


def read_source(con: duckdb.DuckDBPyConnection, path: Path, layout: Layout) -> int:
    """Make ``source`` (``line``, then the columns as text) and ``rejected`` (source_row, reason); return the
    number of rows.

    Raises
    ------
    LogError
        If the file is missing, empty, not what its name says, or not of the ``layout``.
    """
    compression = _check(path, layout)
    rows = 0
    for encoding in ("utf-8", "latin-1"):
        rows = _read(con, path, layout, compression, encoding)
        [(foreign,)] = con.execute(
            "SELECT count(*) FROM reject_errors WHERE CAST(error_type AS VARCHAR) = 'INVALID ENCODING'"
        ).fetchall()
        if not foreign:
            break
    con.execute(
        "CREATE TABLE rejected AS SELECT first(csv_line ORDER BY column_idx) AS source_row, "
        "'line cannot be read: ' || lower(first(CAST(error_type AS VARCHAR) ORDER BY column_idx)) AS reason "
        "FROM reject_errors GROUP BY line"
    )
    [(rejected,)] = con.execute("SELECT count(*) FROM rejected").fetchall()
    if not rows:
        raise LogError(f"{path}: has no row that can be read; expected columns {', '.join(layout.columns)}")
    return rows + int(rejected)


def _read(con: duckdb.DuckDBPyConnection, path: Path, layout: Layout, compression: str, encoding: str) -> int:
    quote = '"' if layout.quoted else ""
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in layout.columns)
    for table in ("source", "rejected", "reject_errors", "reject_scans"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    try:
        con.execute(f"""
            CREATE TABLE source AS SELECT row_number() OVER () AS line, * FROM read_csv({literal(str(path))},
                auto_detect = false, columns = {{{columns}}}, header = {layout.header}, delim = ',',
                quote = {literal(quote)}, escape = {literal(quote)}, compression = {literal(compression)},
                encoding = {literal(encoding)}, store_rejects = true, rejects_limit = 0)
        """)
    except duckdb.Error as error:
        raise LogError(f"{path}: cannot be read ({one_line(error)})") from None
    [(rows,)] = con.execute("SELECT count(*) FROM source").fetchall()
    return int(rows)


def _check(path: Path, layout: Layout) -> str:
    """Look at the first bytes and the first line; return the compression."""
    try:
        if path.is_dir():
            raise LogError(f"{path}: is a directory; name the file in it")
        with path.open("rb") as file:
            magic = file.read(4)
        compressed = magic.startswith(_GZIP)
        if path.suffix == ".gz" and not compressed:
            raise LogError(f"{path}: is named .gz but is not gzip")
        if magic == _ZIP:
            raise LogError(
                f"{path}: is a zip archive (or an .xlsx workbook); unpack it, or save it as CSV, first"
            )
        with gzip.open(path) if compressed else path.open("rb") as file:
            first = file.read(_FIRST_LINE)
    except FileNotFoundError:
        raise LogError(f"{path}: no such file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise LogError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not first.strip():
        raise LogError(f"{path}: is empty")
    fields = first.decode("utf-8-sig", "replace").splitlines()[0].split(",")
    found = [field.strip().strip('"') for field in fields]
    if layout.header and found != list(layout.columns):
        raise LogError(
            f"{path}: its first line is {','.join(fields)!r:.200}; expected {','.join(layout.columns)!r}"
        )
    if not layout.header and len(found) != len(layout.columns):
        expected = ", ".join(layout.columns)
        raise LogError(
            f"{path}: its first line has {len(found)} columns; expected {len(layout.columns)} ({expected})"
        )
    return "gzip" if compressed else "none"
