"""Source files as one table in the connection: the columns that are needed, rows in the files' order.

Text and JSON are read as text alone: what a value means is decided by the key that names its column, never by a
sample. Lines that cannot be split are kept in ``rejected``, each with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import duckdb

from simulator.errors import LogError, UsageError
from simulator.log.intake.files import WHITESPACE, SourceFile, find
from simulator.log.intake.layouts import json_object, lines_of, member, parquet, select_json, select_text
from simulator.log.intake.lineends import with_one_end
from simulator.log.sql import identifier, literal, one_line
from simulator.scenario.data import ReadBlock

SAMPLE = 1000
REJECTED = "rejected"
_UNLIKE = re.compile(r'reading file "(.+?)": failed to cast column "(.+?)" from type (.+?) to (.+?): ')
"""DuckDB's message where files of one source have different types in a column of one name."""


@dataclass(slots=True)
class Table:
    """What ``[data] key`` names.

    Attributes
    ----------
    key : of ``[data]``.
    told : the files, for messages.
    types : DuckDB's type of each column of the files.
    name : of the table in the connection, once loaded; its ``rowid`` is the place of a row in the files.
    keys : columns that are keys of hive folders.
    """

    key: str
    told: str
    types: dict[str, str]
    files: list[SourceFile]
    keys: tuple[str, ...] = ()
    name: str = ""
    rows: int = 0
    columns: list[str] = field(default_factory=list)
    unnest: str | None = None
    own: frozenset[str] = frozenset()
    """Columns that are not looked up in another table."""
    joins: list[tuple[Table, tuple[str, ...]]] = field(default_factory=list)
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lost: int = 0
    """Lines that could not be split."""
    excluded: int = 0
    """Rows that ``[data.read] where`` leaves out."""

    @property
    def read(self) -> int:
        """Rows of the files, whatever became of them."""
        return self.rows + self.lost + self.excluded

    @property
    def is_text(self) -> bool:
        """Whether all values are read as text."""
        return self.files[0].form != "parquet"


def create_rejected(con: duckdb.DuckDBPyConnection) -> None:
    """Make the table of rows that are put aside before the checks: class "bad", "repeated" or "unattributed"."""
    con.execute(
        f"CREATE TABLE {REJECTED} (source VARCHAR, row VARCHAR, reason VARCHAR, class VARCHAR DEFAULT 'bad', "
        "col VARCHAR DEFAULT '')"
    )


def open_table(con: duckdb.DuckDBPyConnection, key: str, patterns: Sequence[str], read: ReadBlock) -> Table:
    """Look at the files and their columns; nothing is read yet.

    Raises
    ------
    UsageError : a file is missing, or not what it claims to be.
    """
    files = find(key, patterns, read)
    told = files[0].path + (f" and {len(files) - 1:,} more" if files[1:] else "")
    own = _json_types(con, files) if files[0].form == "json" else _types(con, key, files)
    unnest = read.unnest
    if unnest is not None:
        own = _unnested(con, files, own, unnest, told)
    added = {name: "VARCHAR" for file in files for name, _ in file.add}
    lowered = {name.lower() for name in own}
    types = own | {name: kind for name, kind in added.items() if name.lower() not in lowered}
    hive = tuple(name for name in types if name not in own and not any(name in p.add for p in read.parts))
    table = Table(key, told, types, files, hive, unnest=unnest, own=frozenset(types))
    for join in read.join:
        other = open_table(
            con, f"{key}.join", _beside(files, join.files), ReadBlock(delimiter=read.delimiter)
        )
        for name in join.on:
            for side in (types, other.types):
                if name not in side:
                    raise UsageError(
                        f"[data.read] join: there is no column {name!r} among {', '.join(side)} to join on"
                    )
        table.joins.append((other, join.on))
        table.types = types = table.types | {n: k for n, k in other.types.items() if n not in types}
    table.where = {name: tuple(map(_as_text, marks)) for name, marks in read.where.items()}
    if wrong := [name for name in table.where if name not in table.types]:
        raise UsageError(f"[data.read] where names {wrong[0]!r}; {told} has {', '.join(table.types)}")
    return table


def _beside(files: Sequence[SourceFile], pattern: str) -> list[str]:
    from pathlib import Path

    if "/" in pattern:
        return [pattern]
    return [str(Path(files[0].path).parent / pattern)]


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _types(con: duckdb.DuckDBPyConnection, key: str, files: Sequence[SourceFile]) -> dict[str, str]:
    if files[0].form == "text":
        return {name: "VARCHAR" for file in files for name in file.columns}
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM {parquet(files)}").fetchall()
    except duckdb.Error as error:
        reason = one_line(error)
        if "httpfs" in str(error):
            reason = "DuckDB lacks its extension httpfs; with a network, once: INSTALL httpfs"
        raise UsageError(f"[data] {key} = {files[0].path!r}: cannot be read as Parquet ({reason})") from None
    # A column of nulls alone may have no type; DuckDB stores it as integers.
    return {row[0]: "INTEGER" if row[1] == '"NULL"' else row[1] for row in described}


def _json_types(con: duckdb.DuckDBPyConnection, files: Sequence[SourceFile]) -> dict[str, str]:
    """Find the keys of JSON lines in the first lines of each file (at most a thousand in all)."""
    names: dict[str, str] = {}
    for file in files[:20]:
        try:
            rows = con.execute(
                f"SELECT DISTINCT key FROM (SELECT unnest(json_keys(line)) AS key FROM "
                f"(SELECT {json_object('line')} AS line FROM {lines_of([file])}, ignore_errors = true)) WHERE line IS NOT NULL "
                f"LIMIT {SAMPLE * 50}) ORDER BY key"
            ).fetchall()
        except duckdb.Error as error:
            raise UsageError(f"{file.path}: cannot be read as JSON lines ({one_line(error)})") from None
        names |= {row[0]: "VARCHAR" for row in rows}
    if not names:
        raise UsageError(f"{files[0].path}: holds no JSON object a line")
    return names


def _unnested(
    con: duckdb.DuckDBPyConnection, files: Sequence[SourceFile], types: dict[str, str], column: str, told: str
) -> dict[str, str]:
    if column not in types:
        raise UsageError(f"[data.read] unnest = {column!r}: {told} has {', '.join(types)}")
    if files[0].form == "parquet":
        kind = types[column]
        if not kind.endswith("[]"):
            raise UsageError(f"[data.read] unnest = {column!r}: {told} holds {kind} there; allowed: a list")
        inner = con.execute(
            f"DESCRIBE SELECT unnest({identifier(column)}, max_depth := 2) FROM {parquet(files)}"
        ).fetchall()
        fields = {row[0]: row[1] for row in inner}
    else:
        [(found,)] = con.execute(
            f"SELECT list_sort(list_distinct(flatten(list(json_keys(line -> {literal(member(column) + '[0]')}))))) "
            f"FROM (SELECT {json_object('line')} AS line FROM {lines_of(files[:1])}, ignore_errors = true) LIMIT {SAMPLE})"
        ).fetchall()
        fields = dict.fromkeys(found or (), "VARCHAR")
    if not fields:
        raise UsageError(f"[data.read] unnest = {column!r}: {told} holds no lists of objects there")
    return {name: kind for name, kind in types.items() if name != column} | fields


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
