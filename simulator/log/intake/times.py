"""Times of any kind as SQL for microseconds from 1970 (UTC): the unit is found or doubted, local times are of a zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial

import duckdb

from simulator.clock import EPOCH, Clock
from simulator.errors import UsageError
from simulator.log.intake.tables import Table
from simulator.log.intake.values import INTEGERS, among, is_number, spelt
from simulator.log.sql import identifier, literal
from simulator.scenario.data import DataBlock
from simulator.units import DAY, HOUR, MINUTE, SECOND, format_duration

FACTOR = {
    "ns": 0.001,
    "us": 1.0,
    "ms": 1000.0,
    "s": float(SECOND),
    "m": float(MINUTE),
    "h": float(HOUR),
    "d": float(DAY),
}
UNITS = ("s", "ms", "us", "ns")
_EARLY, _LATE = (datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1e6 for year in (1990, 2100))
_PROBED = 200_000
_NUMBER = r"\s*[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?\s*"
_OFFSET = r".*[0-9]\s*(Z|UTC|GMT|[-+][0-9]{2}(:?[0-9]{2})?)\s*"
_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "y": 2, "j": 3}


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """How one column is read: ``of`` turns SQL for a value into SQL for microseconds from 1970, null where it is no time.

    ``unit`` is that of numbers (None: timestamps or text); ``local`` tells whether values are times of a wall clock.
    """

    column: str
    of: Callable[[str], str]
    unit: str | None
    local: bool
    notes: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """SQL for the column of the alias ``source``."""
        return self.of(f"source.{identifier(self.column)}")


def absolute(moment: int | datetime | date, origin: int, zone: str) -> int:
    """Return an instant of a scenario as microseconds from 1970; durations count from ``origin``."""
    return origin + moment if isinstance(moment, int) else Clock(EPOCH, zone).at(moment)


def outside(between: tuple[int | datetime | date, int | datetime | date], zone: str) -> str:
    """SQL that tells whether ``time`` lies outside a span, whose end is the first instant after it."""
    first, end = (absolute(moment, 0, zone) for moment in between)
    return f"time < {first} OR time >= {end}"


def read_time(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    key: str,
    column: str,
    data: DataBlock,
    never: Sequence[object] = (),
    unit: str | None = None,
) -> TimeColumn:
    """Decide how a column of times is read.

    Parameters
    ----------
    never : values that are no times, and are not looked at.
    unit : of numbers, where another column told it; default: what ``data`` says, else found.

    Raises
    ------
    UsageError : it holds no times, or numbers whose unit cannot be told, or the unit given makes no sense.
    """
    seen = _Seen(con, table, column, f"[data.columns] {key} = {column!r}", data, tuple(never))
    kind, said = table.types[column], data.columns.time_unit
    if kind == "TIME":
        raise UsageError(
            f"{seen.where}: {table.told} holds times of day without a date; allowed: a timestamp or a number"
        )
    if kind.startswith(("TIMESTAMP", "DATE")):
        if said not in (None, "timestamp"):
            raise UsageError(
                f"{seen.where}: {table.told} holds {kind} there, but time_unit = {said!r} needs a number; leave it out"
            )
        return _stamped(column, kind, data.time_zone)
    formatted = data.columns.time_format is not None and (kind == "VARCHAR" or kind in INTEGERS)
    numeric = seen.numeric_text(said=said in FACTOR) if kind == "VARCHAR" and not formatted else None
    if formatted or (kind == "VARCHAR" and numeric is None):
        if said not in (None, "timestamp"):
            raise UsageError(
                f"{seen.where}: {table.told} holds text such as {seen.example()!r} there, but time_unit = {said!r} needs a "
                "number; leave it out"
            )
        return _written(seen)
    if numeric is None and not is_number(kind):
        raise UsageError(
            f"{seen.where}: {table.told} holds {kind} there; allowed: a timestamp, a date, a number or text"
        )
    if said == "timestamp":
        raise UsageError(
            f"{seen.where}: {table.told} holds {kind} there, but time_unit = 'timestamp' needs a timestamp or date"
        )
    return _numbered(seen, numeric or kind, unit)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A column as it is looked at: its first values, those that mean never left out."""

    con: duckdb.DuckDBPyConnection
    table: Table
    column: str
    where: str
    data: DataBlock
    never: tuple[object, ...]

    def values(self, limit: int) -> str:
        """SQL for the first values, as ``v``."""
        name = identifier(self.column)
        out = among(f"trim({spelt(name, self.table.types[self.column])})", self.never)
        keep = "" if out == "false" else f" AND NOT {out}"
        return f"(SELECT {name} AS v FROM {self.table.name} WHERE {name} IS NOT NULL{keep} LIMIT {limit})"

    def numeric_text(self, *, said: bool) -> str | None:
        """Return the type that most texts are numbers of, or None; where a unit is ``said``, any number will do."""
        [(every, numbers, whole)] = self.con.execute(
            f"SELECT count(*), count(*) FILTER (regexp_full_match(v, {literal(_NUMBER)})), "
            f"count(*) FILTER (regexp_full_match(v, '\\s*[-+]?[0-9]+\\s*')) FROM {self.values(_PROBED)}"
        ).fetchall()
        if numbers * 2 <= every and not (said and numbers):
            return None
        return "BIGINT" if whole == numbers else "DOUBLE"

    def example(self) -> str:
        """Return a value as text."""
        row = self.con.execute(f"SELECT CAST(v AS VARCHAR) FROM {self.values(1)}").fetchone()
        return "" if row is None else str(row[0])[:60]


def _stamped(column: str, kind: str, zone: str) -> TimeColumn:
    if "ZONE" in kind:
        return TimeColumn(
            column, lambda name: f"TRY(epoch_us(CAST({name} AS TIMESTAMPTZ)))", None, local=False
        )
    return TimeColumn(
        column, lambda name: _of_local(f"TRY_CAST({name} AS TIMESTAMP)", zone), None, local=True
    )


def _of_local(stamp: str, zone: str) -> str:
    return (
        f"TRY(epoch_us({stamp}))" if zone == "UTC" else f"TRY(epoch_us(timezone({literal(zone)}, {stamp})))"
    )


def _written(seen: _Seen) -> TimeColumn:
    """Text: in ISO form (with or without an offset), or of ``time_format``."""
    form = seen.data.columns.time_format
    of = partial(_iso, zone=seen.data.time_zone) if form is None else partial(_formatted, data=seen.data)
    try:
        row = seen.con.execute(
            f"SELECT count(*), count({of('v')}), min(CASE WHEN ({of('v')}) IS NULL THEN CAST(v AS VARCHAR) END) "
            f"FROM {seen.values(2000)}"
        ).fetchone()
    except duckdb.Error:
        raise UsageError(
            f"[data.columns] time_format = {form!r}: is no format of times; allowed: such as %Y-%m-%d %H:%M:%S"
        ) from None
    total, read, bad = row or (0, 0, None)
    if total and read * 2 < total:
        told = (
            "in ISO form (2025-11-11 20:00:00), or say time_format"
            if form is None
            else f"as time_format = {form!r} says"
        )
        raise UsageError(
            f"{seen.where}: {seen.table.told} holds text such as {str(bad)[:60]!r} there, which is no time; allowed: "
            f"times {told}"
        )
    return TimeColumn(seen.column, of, None, local=True)


def _iso(name: str, zone: str) -> str:
    text = f"trim({name})"
    if zone == "UTC":  # with or without an offset: the connection's zone is UTC as well
        return f"TRY(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)))"
    # A date alone ends in -11 as an offset may: only what follows a time of day is an offset.
    aware = f"contains({text}, ':') AND regexp_full_match({text}, {literal(_OFFSET)})"
    return (
        f"CASE WHEN {aware} THEN TRY(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ))) "
        f"ELSE {_of_local(f'TRY_CAST({text} AS TIMESTAMP)', zone)} END"
    )


def _formatted(name: str, data: DataBlock) -> str:
    form, year = str(data.columns.time_format), data.columns.year
    text = f"trim(CAST({name} AS VARCHAR))"
    fields = re.findall("%([A-Za-z])", form)
    if re.fullmatch("(%[YymdHMSj])+", form):  # a number such as 511 for May 11 has lost its zero
        text = f"lpad({text}, {sum(_WIDTHS[field] for field in fields)}, '0')"
    if year is not None and not {"Y", "y"} & set(fields):
        text, form = f"{literal(f'{year} ')} || {text}", f"%Y {form}"
    stamp = f"try_strptime({text}, {literal(form)})"
    if {"z", "Z"} & set(fields):
        return f"TRY(epoch_us({stamp}))"
    return _of_local(f"CAST({stamp} AS TIMESTAMP)", data.time_zone)


def _numbered(seen: _Seen, kind: str, unit: str | None) -> TimeColumn:
    """Numbers: find the unit by their size, or doubt the one that is given."""
    table, data, where = seen.table, seen.data, seen.where
    row = seen.con.execute(
        f"SELECT quantile_disc(v, [0.01, 0.5, 0.99]) FROM (SELECT TRY_CAST(v AS DOUBLE) AS v FROM {seen.values(_PROBED)}) "
        "WHERE isfinite(v)"
    ).fetchone()
    if row is None or row[0] is None:
        if unit is None:
            raise UsageError(f"{where}: {table.told} holds no time there")
        return TimeColumn(seen.column, partial(_scaled, kind=kind, unit=unit, start=0), unit, local=False)
    low, middle, high = (float(q) for q in row[0])
    start = data.columns.time_from
    offset = 0 if start is None else Clock(EPOCH, data.time_zone).at(start)
    fitting = [u for u in UNITS if start is None and _EARLY <= middle * FACTOR[u] <= _LATE]
    notes: list[str] = []
    told = data.columns.time_unit if unit is None else unit
    if told is None:
        if not fitting:
            raise UsageError(
                f"{where}: {table.told} holds numbers from {low:g} to {high:g}, whose unit cannot be told; write "
                "time_unit (s, ms, us or ns), and time_from if they do not count from 1970"
            )
        told = fitting[0]
    elif unit is None:
        notes += _doubt(told, fitting, (low, middle, high), seen, known=start is not None)
    if table.types[seen.column] == "FLOAT" and abs(middle) >= 2**24:
        step = 2.0 ** (int(abs(middle)).bit_length() - 24) * FACTOR[told]
        notes.append(
            f"{where}: {table.told} holds FLOAT there, which steps by {format_duration(int(step))} at {middle:.4g}: shorter "
            "delays are lost; export times as integers or as DOUBLE"
        )
    of = partial(_scaled, kind=kind, unit=told, start=offset)
    return TimeColumn(seen.column, of, told, local=False, notes=tuple(notes))


def _scaled(name: str, kind: str, unit: str, start: int) -> str:
    """SQL for a number of units after ``start``; exact for integers."""
    if kind in INTEGERS:
        whole = f"TRY_CAST({name} AS BIGINT)"
        return (
            f"TRY({whole} // 1000 + {start})"
            if unit == "ns"
            else f"TRY({whole} * {int(FACTOR[unit])} + {start})"
        )
    return f"TRY_CAST(round(TRY_CAST({name} AS DOUBLE) * {FACTOR[unit]!r}) AS BIGINT) + {start}"


def _doubt(
    unit: str, fitting: Sequence[str], at: tuple[float, float, float], seen: _Seen, *, known: bool
) -> list[str]:
    """Refuse a unit by which the log is absurd where another makes sense; note what is odd but possible."""
    low, middle, high = (value * FACTOR[unit] for value in at)
    if known or unit in fitting:
        return []
    where, files = seen.where, seen.table.told
    key = f"[data.columns] time_unit = {unit!r}"
    lasts = f"the log lasts {format_duration(max(int(high - low), 0))} in {year_of(middle)}"
    if fitting:
        spans = " or ".join(f"{u!r} ({year_of(at[1] * FACTOR[u])})" for u in fitting)
        told = lasts if high - low < MINUTE else f"times lie in the year {year_of(middle)}"
        raise UsageError(
            f"{key}: {told} ({files}, {where.removeprefix('[data.columns] ')}). Is time_unit {spans}? "
            f"If {unit!r} is meant, say time_from: what 0 means"
        )
    if middle >= _LATE or middle < -_LATE:
        raise UsageError(
            f"{key}: times lie in the year {year_of(middle)} ({files}); allowed: a unit by which they do not"
        )
    if high - low < MINUTE:
        return [f"{where}: with time_unit = {unit!r} {lasts}; doubt time_unit"]
    return [f"{where}: with time_unit = {unit!r} times lie in {year_of(middle)}; time_from says what 0 means"]


def year_of(micros: float) -> str:
    """Write the year of an instant (microseconds from 1970)."""
    year = 1970 + micros / (365.2425 * DAY)
    return f"{int(year):,}" if year >= 10_000 or year < 0 else str(int(year))
