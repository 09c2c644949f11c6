"""What files of one source hold: their columns and types, and the tables that are looked up beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb

from simulator.errors import UsageError
from simulator.log.intake.files import SourceFile, find
from simulator.log.intake.layouts import json_object, lines_of, member, parquet
from simulator.log.sql import identifier, literal, one_line
from simulator.scenario.data import ReadBlock

SAMPLE = 1000
REJECTED = "rejected"


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
