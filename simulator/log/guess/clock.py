"""Which columns can be read as times, and by which keys of ``[data.columns]``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from simulator.errors import UsageError
from simulator.log.guess.profile import Column, Profile
from simulator.log.guess.words import UNITS, fit, says, tokens
from simulator.log.intake.times import FACTOR, TimeColumn, read_time
from simulator.log.meta import from_epoch
from simulator.log.sql import identifier, literal
from simulator.scenario.data import DataBlock
from simulator.units import DAY, format_duration

FORMATS = (
    "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y",
    "%m/%d/%y %H:%M", "%d/%m/%y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M", "%d-%m-%Y", "%d/%b/%Y:%H:%M:%S", "%d %b %Y %H:%M:%S", "%d-%b-%Y", "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日 %H:%M", "%Y年%m月%d日", "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H", "%Y%m%d", "%m%d",
)  # fmt: skip
YEAR = 2023
"""Year of times that do not say it: one without a 29th of February."""
_SAMPLE = 2000
NEVER = (-1, "")


@dataclass(slots=True)
class Clock:
    """How a column is read as times.

    ``said`` are keys of ``[data.columns]`` with their values; ``instead`` other values of them, each with what would
    follow; ``first`` and ``last`` microseconds from 1970; ``local`` whether it is a wall clock of an unknown zone.
    """

    column: str
    said: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    instead: list[tuple[str, Any, str]] = field(default_factory=list)
    first: int = 0
    last: int = 0
    local: bool = False
    days: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether nothing of it was guessed."""
        return not self.instead


def clock_of(con: duckdb.DuckDBPyConnection, profile: Profile, column: Column) -> Clock | None:
    """Return how a column is read as times; None where it holds none."""
    if column.looks in ("nothing", "tags", "objects") or column.kind in ("TIME", "BOOLEAN"):
        return None
    named = fit("time", column.name)[0] > 0 or says(tokens(column.name), ("time", "date", "timestamp", "ts"))
    if column.is_number:
        return _numbers(con, profile, column, named=named)
    if column.looks == "stamp":
        return _read(con, profile, Clock(column.name, local=True))
    return _formatted(con, profile, column)


def _numbers(
    con: duckdb.DuckDBPyConnection, profile: Profile, column: Column, *, named: bool
) -> Clock | None:
    found = _read(con, profile, Clock(column.name))
    if found is not None:
        return found
    if not named:
        return None
    if (written := _formatted(con, profile, column)) is not None:
        return written
    low, high = column.least, column.most
    if low is None or high is None or high - low < 2 or high <= 0:
        return None
    # Numbers from the log's own start: the unit by which it lasts some days, or as near as can be.
    spans = {unit: (high - max(low, 0.0)) * FACTOR[unit] / DAY for unit in ("s", "ms", "us", "ns")}
    told = next((unit for unit, days in spans.items() if 0.5 <= days <= 1500), None)
    if told is None:
        return None
    clock = Clock(column.name, {"time_unit": told, "time_from": date(1970, 1, 1)})
    clock.notes["time_unit"] = (
        f"unsure: numbers from {low:g} to {high:g}, which so last {_lasts(spans[told])}"
    )
    clock.notes["time_from"] = (
        "what 0 means; the file does not say it: write the date of the log's start if you know it"
    )
    clock.instead = [
        ("time_unit", unit, f"the log would last {_lasts(days)}")
        for unit, days in spans.items()
        if unit != told and days > 1e-4
    ]
    return _read(con, profile, clock)


def _lasts(days: float) -> str:
    return (
        format_duration(max(int(days * 1000), 1) * DAY // 1000) if days >= 0.001 else "less than two minutes"
    )


def _formatted(con: duckdb.DuckDBPyConnection, profile: Profile, column: Column) -> Clock | None:
    """Find the formats by which (nearly) all texts are times."""
    name = identifier(column.name)
    text = f"trim(CAST({name} AS VARCHAR))"
    there = f"{name} IS NOT NULL AND {text} NOT IN ('', '-1')"
    source = f"(SELECT {text} AS v FROM {profile.table.name} WHERE {there} LIMIT {_SAMPLE})"
    forms = [form for form in FORMATS if column.looks != "integer" or form.replace("%", "").isalpha()]
    # 1 and 511 are as good as dates to %m%d alone: such a column must be called one.
    tests = ", ".join(f"count({_parsed(form)})" for form in forms)
    row = con.execute(f"SELECT count(*), {tests}, min(length(v)), max(length(v)) FROM {source}").fetchone()
    if row is None or not row[0]:
        return None
    widths = {"%Y%m%d%H%M%S": 14, "%Y%m%d%H%M": 12, "%Y%m%d%H": 10, "%Y%m%d": 8}
    fitting = [
        form
        for form, count in zip(forms, row[1:-2], strict=True)
        if count >= 0.98 * row[0] and (form not in widths or row[-1] == row[-2] == widths[form])
    ]
    if "%m%d" in fitting and (row[-1] > 4 or not fit("time", column.name)[0]):
        fitting.remove("%m%d")
    if not fitting:
        return None
    clock = Clock(column.name, {"time_format": fitting[0]}, local=True)
    clock.instead = [("time_format", form, "the values fit it as well") for form in fitting[1:3]]
    if clock.instead:
        clock.notes["time_format"] = "unsure: no value tells day and month apart"
    if "Y" not in fitting[0] and "y" not in fitting[0]:
        clock.said["year"] = YEAR
        clock.notes["year"] = "unsure: the values do not say the year; weekdays depend on it"
        clock.instead.append(("year", YEAR - 1, "whichever it was"))
    return _read(con, profile, clock)


def _parsed(form: str) -> str:
    text = "lpad(v, 4, '0')" if form == "%m%d" else "v"
    prefix, text = ("%Y ", f"'{YEAR} ' || {text}") if form == "%m%d" else ("", text)
    return f"try_strptime({text}, {literal(prefix + form)})"


def _read(con: duckdb.DuckDBPyConnection, profile: Profile, clock: Clock) -> Clock | None:
    """Read the column as the intake will, and take the span; None where the intake would refuse it."""
    try:
        # None of the marks of "never" is a time; they are left out as in wide rows.
        data = DataBlock.model_validate({"touches": ["-"], "columns": clock.said})
        read: TimeColumn = read_time(con, profile.table, "time", clock.column, data, NEVER)
        row = con.execute(
            f"SELECT count({read.sql}), quantile_disc({read.sql}, [0.001, 0.999]), count(*) FILTER "
            f"({read.sql} % {DAY} <> 0), count(source.{identifier(clock.column)}) FROM {profile.table.name} AS source"
        ).fetchone()
    except (UsageError, duckdb.Error):
        return None
    if row is None or not row[0] or row[0] < 0.5 * row[3] * _share_of_values(con, profile, clock.column):
        return None
    if read.unit is not None and "time_unit" not in clock.said:
        clock.said["time_unit"] = read.unit
        clock.notes["time_unit"] = (
            f"found: so the log lies in {from_epoch(row[1][0]):%Y-%m-%d} to {from_epoch(row[1][1]):%Y-%m-%d}"
        )
    clock.first, clock.last = int(row[1][0]), int(row[1][1])
    clock.days = not row[2]
    clock.warnings = read.notes
    clock.local = clock.local and read.local and "TIME ZONE" not in profile.columns[clock.column].kind
    return clock


def _share_of_values(con: duckdb.DuckDBPyConnection, profile: Profile, column: str) -> float:
    """Return the share of values that do not mean never (of wide rows, most do)."""
    name = identifier(column)
    row = con.execute(
        f"SELECT avg(CAST(trim(CAST({name} AS VARCHAR)) NOT IN ('-1', '', '-1.0') AS INTEGER)) FROM {profile.table.name} "
        f"WHERE {name} IS NOT NULL"
    ).fetchone()
    return float(row[0]) if row is not None and row[0] is not None else 0.0


def delay_unit(name: str) -> str | None:
    """Return the unit that the name of a delay ends in: ``delay_h`` is of hours."""
    parts = tokens(name)
    return UNITS.get(parts[-1]) if len(parts) > 1 else None
