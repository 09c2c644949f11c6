"""Rows of the user's tables that are put aside before they become clicks and events, with the text that they had."""

from __future__ import annotations

import duckdb

from simulator.log.intake.spans import main_span
from simulator.log.intake.staged import Staged
from simulator.log.intake.tables import REJECTED, Table
from simulator.log.intake.times import outside
from simulator.log.reasons import NULL, UNKNOWN_KIND
from simulator.log.sql import literal
from simulator.scenario.data import DataBlock

OUTSIDE_SPAN = "time outside the span of [data] between"


def set_aside_unread(con: duckdb.DuckDBPyConnection, staged: Staged, name: str) -> None:
    """Move actions without a time or a kind to ``rejected``: they can be neither clicks nor events."""
    time, kind = (literal(staged.labels["events"][key]) for key in ("time", "kind"))
    con.execute(
        f"INSERT INTO {REJECTED} (source, row, reason, col) SELECT {literal(staged.clicks.key)}, CAST(source AS VARCHAR), "
        f"CASE WHEN bad.time IS NOT NULL AND bad.kind IS NOT NULL THEN {literal(UNKNOWN_KIND)} ELSE {literal(NULL)} END, "
        f"CASE WHEN bad.time IS NULL THEN {time} ELSE {kind} END "
        f"FROM (SELECT _row, time, kind FROM {name} WHERE time IS NULL OR kind IS NULL OR starts_with(kind, '(')) AS bad "
        f"JOIN {staged.clicks.name} AS source ON source.rowid = bad._row"
    )
    con.execute(f"DELETE FROM {name} WHERE time IS NULL OR kind IS NULL OR starts_with(kind, '(')")


def set_aside_outside(con: duckdb.DuckDBPyConnection, name: str, source: Table, data: DataBlock) -> None:
    """Move rows of the table ``name`` outside ``[data] between`` to ``rejected``; ``source`` is where they were read."""
    if data.between is None:
        return
    test = outside(data.between, data.time_zone)
    con.execute(
        f"INSERT INTO {REJECTED} (source, row, reason, class) SELECT {literal(source.key)}, CAST(source AS VARCHAR), "
        f"{literal(OUTSIDE_SPAN)}, 'by rule' FROM (SELECT _row FROM {name} WHERE {test}) AS bad "
        f"JOIN {source.name} AS source ON source.rowid = bad._row"
    )
    con.execute(f"DELETE FROM {name} WHERE {test}")


def last_of(con: duckdb.DuckDBPyConnection, name: str) -> int | None:
    """Return until when a table of actions shows that the log was observed."""
    span = main_span(con, name)
    return None if span is None else span.last
