"""Source files as one table in the connection: the columns that are needed, rows in the files' order.

Text and JSON are read as text alone: what a value means is decided by the key that names its column, never by a
sample. Lines that cannot be split are kept in ``rejected``, each with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

import duckdb

from simulator.errors import LogError, UsageError
from simulator.log.intake.files import WHITESPACE, SourceFile
from simulator.log.intake.layouts import parquet, select_json, select_text
from simulator.log.intake.lineends import with_one_end
from simulator.log.intake.tables import REJECTED, Table
from simulator.log.sql import identifier, literal, one_line

_UNLIKE = re.compile(r'reading file "(.+?)": failed to cast column "(.+?)" from type (.+?) to (.+?): ')
"""DuckDB's message where files of one source have different types in a column of one name."""


def load(con: duckdb.DuckDBPyConnection, table: Table, columns: Iterable[str]) -> None:
    """Read the named columns into a table of the connection.

    Raises
    ------
    LogError : a file cannot be read to its end, or holds nothing that can be.
    """
    table.columns = [name for name in dict.fromkeys(columns) if name in table.types]
    table.name = f"raw_{table.key.replace('.', '_')}"
    needed = list(dict.fromkeys([*table.columns, *table.where, *(n for _, on in table.joins for n in on)]))
    own = [name for name in needed if name in table.own]
    before = con.execute(f"SELECT count(*) FROM {REJECTED}").fetchall()[0][0]
    try:
        _create(con, table, own or [min(table.own)])
        found = set(table.own)
        for other, on in table.joins:
            _join(con, table, other, on, [name for name in needed if name not in found])
            found |= set(other.types)
    except duckdb.Error as error:
        if unlike := _UNLIKE.search(str(error)):
            file, column, one, others = unlike.groups()
            raise UsageError(
                f"[data] {table.key}: {file} holds {one} in {column!r}, other files {others}; write them alike"
            ) from None
        raise LogError(f"{table.told}: cannot be read ({one_line(error)})") from None
    if table.where:
        _keep_only(con, table)
    [(table.rows,)] = con.execute(f"SELECT count(*) FROM {table.name}").fetchall()
    table.lost = con.execute(f"SELECT count(*) FROM {REJECTED}").fetchall()[0][0] - before
    if not table.rows:
        why = (
            f"; {table.lost:,} lines could not be split into its columns ({', '.join(table.types)})"
            if table.lost
            else ""
        )
        raise LogError(f"{table.told}: has no row that can be read{why}")


def _create(
    con: duckdb.DuckDBPyConnection, table: Table, names: Sequence[str], *, again: bool = False
) -> None:
    groups: list[str] = []
    rejecting: list[str] = []
    for index, (_, members) in enumerate(groupby(table.files, _layout)):
        files = list(members)
        if files[0].form == "parquet":
            groups.append(_select_parquet(table, files, names))
            continue
        rejects = f"rejects_{table.name}_{index}" + "_again" * again
        rejecting.append(rejects)
        if files[0].form == "json":
            groups.append(select_json(files, names, rejects, table.unnest))
        else:
            groups.append(select_text(files, names, rejects))
    try:
        con.execute(f"CREATE TABLE {table.name} AS " + " UNION ALL BY NAME ".join(groups))
    except duckdb.InvalidInputException as error:
        if again or "state machine" not in str(error) or table.files[0].form != "text":
            raise
        table.files = with_one_end(con, table.files)
        _create(con, table, names, again=True)
        return
    for rejects in rejecting:
        con.execute(
            # A quote that is not closed takes the lines after it along: each of them is lost, and counted.
            f"INSERT INTO {REJECTED} (source, row, reason) SELECT {literal(table.key)}, "
            "unnest(string_split(trim(csv_line, chr(13) || chr(10)), chr(10))), reason "
            "FROM (SELECT first(csv_line ORDER BY column_idx) AS csv_line, "
            "'line cannot be read: ' || lower(first(CAST(error_type AS VARCHAR) ORDER BY column_idx)) AS reason "
            f"FROM {rejects} GROUP BY file_id, line)"
        )
    if table.files[0].form == "json" or table.files[0].delimiter == WHITESPACE:
        why = "line is no JSON object" + (f" with a list {table.unnest!r}" if table.unnest else "")
        if table.files[0].form == "text":
            why = f"line cannot be read: it has not {len(table.files[0].columns)} columns"
        con.execute(
            f"INSERT INTO {REJECTED} (source, row, reason) SELECT {literal(table.key)}, _line, {literal(why)} "
            f"FROM {table.name} WHERE _line IS NOT NULL"
        )
        con.execute(f"DELETE FROM {table.name} WHERE _line IS NOT NULL")
        con.execute(f"ALTER TABLE {table.name} DROP COLUMN _line")


def _layout(file: SourceFile) -> tuple[object, ...]:
    if file.form == "parquet":
        return ("parquet",)
    return file.form, file.compression, file.delimiter, file.columns, file.skip, file.add


def _select_parquet(table: Table, files: Sequence[SourceFile], names: Sequence[str]) -> str:
    own = _folder_columns(table, names)
    listed = ", ".join(own.get(name) or identifier(name) for name in names)
    source = parquet(files)
    if table.unnest is not None:
        return (
            f"SELECT {listed} FROM (SELECT * EXCLUDE ({identifier(table.unnest)}), "
            f"unnest({identifier(table.unnest)}, max_depth := 2) FROM {source})"
        )
    return f"SELECT {listed} FROM {source}"


def _folder_columns(table: Table, names: Sequence[str]) -> dict[str, str]:
    """SQL for columns that are keys of folders (a column of that name inside the files comes first)."""
    found = {}
    for name in names:
        if name in table.keys:
            pattern = literal(f"(?:^|/){re.escape(name)}=([^/]*)/")
            found[name] = f"url_decode(regexp_extract(filename, {pattern}, 1)) AS {identifier(name)}"
    return found


def _join(
    con: duckdb.DuckDBPyConnection, table: Table, other: Table, on: tuple[str, ...], needed: Sequence[str]
) -> None:
    """Look the columns of another table up; of several rows of a key the first one counts."""
    wanted = [name for name in needed if name in other.types and name not in on]
    load(con, other, [*on, *wanted])
    keys = ", ".join(map(identifier, on))
    same = " AND ".join(f"own.{identifier(name)} = other.{identifier(name)}" for name in on)
    found = "".join(f", other.{identifier(name)}" for name in wanted)
    con.execute(
        f"CREATE TABLE joined_{table.name} AS SELECT own.*{found} FROM (SELECT *, rowid AS _at FROM {table.name}) AS own "
        f"LEFT JOIN (SELECT * FROM {other.name} QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY rowid) = 1) "
        f"AS other ON {same} ORDER BY _at"
    )
    con.execute(f"DROP TABLE {table.name}")
    con.execute(f"ALTER TABLE joined_{table.name} DROP COLUMN _at")
    con.execute(f"ALTER TABLE joined_{table.name} RENAME TO {table.name}")
    con.execute(f"DROP TABLE {other.name}")


def _keep_only(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    tests = " AND ".join(
        f"coalesce(CAST({identifier(name)} AS VARCHAR), '') IN ({', '.join(map(literal, marks))})"
        for name, marks in table.where.items()
    )
    [(before,)] = con.execute(f"SELECT count(*) FROM {table.name}").fetchall()
    con.execute(f"CREATE TABLE kept_{table.name} AS SELECT * FROM {table.name} WHERE {tests} ORDER BY rowid")
    con.execute(f"DROP TABLE {table.name}")
    con.execute(f"ALTER TABLE kept_{table.name} RENAME TO {table.name}")
    [(after,)] = con.execute(f"SELECT count(*) FROM {table.name}").fetchall()
    table.excluded = before - after
