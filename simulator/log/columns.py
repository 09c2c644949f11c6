"""A user's own Parquet, under the names of ``[data.columns]``: mapped and ingested once, then found in the
cache.
"""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import duckdb

from simulator.errors import LogError, nearest
from simulator.log.ingest import ingest
from simulator.log.meta import check_files, from_epoch, read_meta
from simulator.log.sql import identifier, literal, one_line, workspace
from simulator.scenario.model import ColumnsBlock, DataBlock
from simulator.units import DAY

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_FACTOR = {"us": 1, "ms": 1000, "s": 1_000_000}
_AS_FEATURE = {"user_id": "user", "item_id": "item"}
_SPARSE = 4
"""An integer feature whose largest id is more than this many times its number of ids (+1000) gets dense
ids.
"""


def open_mapped(data: DataBlock, cache: Path) -> Path:
    """Return the log that ``data.clicks`` and ``data.events`` make, ingesting them unless the ``cache`` has
    it.

    The name in the cache is a hash of the settings and of the files' names, sizes and times of change; remote
    files (``s3://``, ``https://``) count by their name alone. Integer features keep their ids unless these
    are sparse; features of other types, and identifiers that are no integers, are numbered in order of their
    values. Times are counted from midnight (UTC) before the first click.

    Raises
    ------
    LogError
        If a file or column is missing, a column has a type that its key does not allow, or a row is bad and
        ``data.on_bad_row`` is "fail".
    """
    files = {key: _files(key, str(getattr(data, key))) for key in ("clicks", "events")}
    out = cache / _key(data, files)
    try:
        check_files(out, read_meta(out))
    except LogError:
        pass
    else:
        return out
    with workspace(out) as con:
        mapping = _Mapping(con, data.columns, files)
        mapping.make_views()
        ingest(
            con,
            clicks="clicks",
            events="events",
            out=out,
            name=Path(files["clicks"][0]).stem,
            origin=from_epoch(mapping.origin),
            features=list(mapping.features.values()),
            provenance={"format": "parquet", "clicks": str(data.clicks), "events": str(data.events)},
            on_bad_row=data.on_bad_row,
            source=f"{data.clicks} and {data.events}",
            replace=True,
        )
    return out


def _files(key: str, pattern: str) -> list[str]:
    if "://" in pattern:
        return [pattern]
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - the pattern may be absolute
    if not found:
        raise LogError(f"[data] {key} = {pattern!r}: no such file")
    if folders := [path for path in found if Path(path).is_dir()]:
        raise LogError(
            f"[data] {key} = {pattern!r}: {folders[0]} is a directory; write {folders[0]}/*.parquet"
        )
    return found


def _key(data: DataBlock, files: Mapping[str, list[str]]) -> str:
    stats = {key: [_stat(path) for path in paths] for key, paths in files.items()}
    settings = {
        "columns": data.columns.model_dump(mode="json"),
        "on_bad_row": data.on_bad_row,
        "files": stats,
    }
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _stat(path: str) -> tuple[str, int, int]:
    if "://" in path:
        return path, 0, 0
    stat = Path(path).stat()
    return path, stat.st_size, stat.st_mtime_ns


class _Mapping:
    """The views ``clicks`` and ``events`` of the contract over the tables as they are."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, columns: ColumnsBlock, files: Mapping[str, list[str]]
    ) -> None:
        self.con = con
        self.columns = columns
        self.types = {key: _describe(con, key, paths) for key, paths in files.items()}
        self._names = {key: paths[0] + (", ..." if paths[1:] else "") for key, paths in files.items()}
        self.features = self._features()
        self._check()
        self._time = {
            "clicks": self._microseconds("clicks", columns.time),
            "events": self._microseconds("events", columns.event_time),
        }
        self.origin = self._origin()

    def _features(self) -> dict[str, str]:
        """Return the feature columns and the names they get in the log."""
        own = {self.columns.click_id, self.columns.time, self.columns.user_id, self.columns.item_id}
        others = [
            name for name, kind in self.types["clicks"].items() if kind in _INTEGERS and name not in own
        ]
        return {name: _AS_FEATURE.get(name, name) for name in self.columns.features or others}

    def _check(self) -> None:
        """Find every key that names a column that is not there, or of the wrong type."""
        c = self.columns
        wanted = [("clicks", key, getattr(c, key)) for key in ("click_id", "time", "user_id", "item_id")]
        wanted += [("clicks", "features", name) for name in self.features]
        events = ("event_click_id", "event_id", "event_time", "kind", "amount")
        wanted += [("events", key, getattr(c, key)) for key in events if getattr(c, key) is not None]
        faults = [self._missing(*item) for item in wanted if item[2] not in self.types[item[0]]]
        if not faults:
            faults = [fault for item in wanted if (fault := self._mistyped(*item))]
        if faults:
            raise LogError("\n".join(faults))

    def _missing(self, table: str, key: str, column: str) -> str:
        has = ", ".join(self.types[table])
        hint = nearest(column, self.types[table])
        return (
            f"[data.columns] {key} = {column!r}: {self._names[table]} has no such column; it has {has}.{hint}"
        )

    def _mistyped(self, table: str, key: str, column: str) -> str | None:
        kind = self.types[table][column]
        start = f"[data.columns] {key} = {column!r}: {self._names[table]} holds {kind} there"
        if key in {"time", "event_time"}:
            stamp = kind.startswith(("TIMESTAMP", "DATE"))
            if stamp != (self.columns.time_unit == "timestamp") or not (stamp or _is_number(kind)):
                allowed = "a timestamp or date" if self.columns.time_unit == "timestamp" else "a number"
                return f"{start}, but time_unit = {self.columns.time_unit!r} needs {allowed}"
        elif key in {"amount", "event_id"} and not _is_number(kind):
            return f"{start}; allowed: numbers"
        elif kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
            return f"{start}; allowed: one plain value a row"
        return None

    def _microseconds(self, table: str, column: str) -> str:
        """SQL for a time in microseconds from 1970; null where it cannot be."""
        name, kind = f"source.{identifier(column)}", self.types[table][column]
        if self.columns.time_unit == "timestamp":
            return f"TRY(epoch_us(CAST({name} AS {'TIMESTAMPTZ' if 'ZONE' in kind else 'TIMESTAMP'})))"
        factor = _FACTOR[self.columns.time_unit]
        if kind in _INTEGERS:
            return f"TRY(CAST({name} AS BIGINT) * {factor})"
        return f"TRY_CAST(round({name} * {factor}) AS BIGINT)"

    def _origin(self) -> int:
        try:
            [(first,)] = self.con.execute(
                f"SELECT min({self._time['clicks']}) FROM source_clicks AS source"
            ).fetchall()
        except duckdb.Error as error:
            raise LogError(f"{self._names['clicks']}: cannot be read ({one_line(error)})") from None
        if first is None:
            raise LogError(
                f"[data.columns] time = {self.columns.time!r}: {self._names['clicks']} holds no time there"
            )
        return int(first) // DAY * DAY

    def make_views(self) -> None:
        """Make ``clicks`` and ``events``; values that are no ids are looked up in tables of numbered
        values.
        """
        c = self.columns
        named = {"click_id": c.click_id, "user_id": c.user_id, "item_id": c.item_id}
        named |= {name: column for column, name in self.features.items()}
        joins: list[str] = []
        selected = [f"{self._time['clicks']} - {self.origin} AS time"]
        click_ids = ""
        for name, column in named.items():
            expression = f"source.{identifier(column)}"
            if self._needs_ids(column, feature=name not in {"click_id", "user_id", "item_id"}):
                ids = self._number(column, len(joins))
                joins.append(f"LEFT JOIN {ids} ON {ids}.value = source.{identifier(column)}")
                expression = f"{ids}.id"
                click_ids = ids if name == "click_id" else click_ids
            selected.append(f"{expression} AS {identifier(name)}")
        self.con.execute(
            f"CREATE VIEW clicks AS SELECT {', '.join(selected)} "
            f"FROM source_clicks AS source {' '.join(joins)}"
        )
        self._view_events(click_ids)

    def _view_events(self, click_ids: str) -> None:
        c = self.columns
        click, join = f"source.{identifier(c.event_click_id)}", ""
        if click_ids:
            join = f"LEFT JOIN {click_ids} AS ids ON ids.value = CAST({click} AS VARCHAR)"
            click = f"CASE WHEN {click} IS NOT NULL THEN coalesce(ids.id, -1) END"
        value = f"CAST(source.{identifier(c.kind)} AS VARCHAR)"
        cases = " ".join(f"WHEN {literal(known)} THEN {literal(kind)}" for known, kind in c.kinds.items())
        kind = f"CASE {value} {cases} ELSE '(' || {value} || ')' END"
        amount = (
            f"CASE WHEN {kind} = 'cart' THEN 0.0 ELSE 1.0 END"
            if c.amount is None
            else f"source.{identifier(c.amount)}"
        )
        time = f"{self._time['events']} - {self.origin}"
        order = f"{time}, {kind}, {click}, {amount}"
        event_id = (
            f"row_number() OVER (ORDER BY {order}) - 1"
            if c.event_id is None
            else f"source.{identifier(c.event_id)}"
        )
        self.con.execute(
            f"CREATE VIEW events AS SELECT {event_id} AS event_id, {click} AS click_id, {time} AS time, "
            f"{kind} AS kind, {amount} AS amount FROM source_events AS source {join}"
        )

    def _needs_ids(self, column: str, *, feature: bool) -> bool:
        if self.types["clicks"][column] not in _INTEGERS:
            return True
        if not feature:
            return False
        name = identifier(column)
        [(largest, distinct)] = self.con.execute(
            f"SELECT max({name}), approx_count_distinct({name}) FROM source_clicks"
        ).fetchall()
        return largest is not None and largest > _SPARSE * distinct + 1000

    def _number(self, column: str, index: int) -> str:
        name, table = identifier(column), f"ids_{index}"
        self.con.execute(
            f"CREATE TABLE {table} AS SELECT value, row_number() OVER (ORDER BY value) - 1 AS id "
            f"FROM (SELECT DISTINCT {name} AS value FROM source_clicks WHERE {name} IS NOT NULL)"
        )
        return table


def _describe(con: duckdb.DuckDBPyConnection, key: str, paths: list[str]) -> dict[str, str]:
    """Make ``source_<key>`` a view of the files; return the type of each column."""
    listed = ", ".join(map(literal, paths))
    try:
        con.execute(
            f"CREATE VIEW source_{key} AS SELECT * FROM read_parquet([{listed}], union_by_name = true)"
        )
        return {row[0]: row[1] for row in con.execute(f"DESCRIBE source_{key}").fetchall()}
    except duckdb.Error as error:
        reason = one_line(error)
        if "httpfs" in str(error):
            reason = "DuckDB lacks its extension httpfs; with a network, once: INSTALL httpfs"
        raise LogError(f"[data] {key} = {paths[0]!r}: cannot be read as Parquet ({reason})") from None


def _is_number(kind: str) -> bool:
    return (
        kind in _INTEGERS or kind in {"FLOAT", "DOUBLE", "HUGEINT", "UHUGEINT"} or kind.startswith("DECIMAL")
    )
