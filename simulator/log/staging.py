"""Rows of a source with types, and the tests that tell why one cannot be replayed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import duckdb

from simulator.log.reasons import NULL, OUTSIDE, Rules
from simulator.log.sql import identifier, literal

_INT32 = 2**31 - 1


def stage(
    con: duckdb.DuckDBPyConnection,
    table: str,
    source: str,
    columns: Mapping[str, str],
    rules: Rules,
    may_miss: Collection[str] = (),
) -> None:
    """Copy ``source`` with typed columns; ``_raw`` keeps the text of a row that could not be read in full, unless it can
    be looked up. Columns that ``may_miss`` may be null.
    """
    typed = ", ".join(f"{expression} AS {identifier(name)}" for name, expression in columns.items())
    if table in rules.raw:
        con.execute(f"CREATE TABLE staging.{table} AS SELECT _row, {typed} FROM {identifier(source)}")
        return
    unread = " OR ".join(f"{identifier(name)} IS NULL" for name in columns if name not in may_miss)
    con.execute(
        f"CREATE TABLE staging.{table} AS SELECT * EXCLUDE (_text), CASE WHEN {unread} THEN _text END AS _raw "
        f"FROM (SELECT CAST(NULL AS BIGINT) AS _row, {typed}, CAST(_source AS VARCHAR) AS _text "
        f"FROM {identifier(source)} AS _source)"
    )


Fault = tuple[str, str, str]
"""Reason, test, and the column that is to blame."""


def feature_faults(
    table: str, features: Sequence[str], sizes: Mapping[str, int], rules: Rules, tags: Collection[str]
) -> list[Fault]:
    """Ids outside what is known of each feature."""
    bounds = {name: (-1 if name in tags else 0, sizes.get(name, _INT32) - 1) for name in features}
    return [
        (OUTSIDE, f"{identifier(name)} NOT BETWEEN {least} AND {most}", rules.label(table, name))
        for name, (least, most) in bounds.items()
    ]


def nulls(table: str, columns: Sequence[str], rules: Rules) -> list[Fault]:
    """Columns that must not be null."""
    return [(NULL, f"{identifier(name)} IS NULL", rules.label(table, name)) for name in columns]


def first_reason(faults: Sequence[Fault]) -> str:
    """SQL for the first reason whose test is true, or null."""
    return "CASE " + " ".join(f"WHEN {test} THEN {literal(reason)}" for reason, test, _ in faults) + " END"


def column_of(faults: Sequence[Fault]) -> str:
    """SQL for the column of the first reason whose test is true, or null."""
    return "CASE " + " ".join(f"WHEN {test} THEN {literal(column)}" for _, test, column in faults) + " END"


def good(table: str) -> str:
    """Query the rows, with ``_rid``, in which nothing bad was found so far."""
    return (
        f"SELECT {table}.rowid AS _rid, {table}.* FROM staging.{table} "
        f"ANTI JOIN staging.bad_{table} AS bad ON {table}.rowid = bad._rid"
    )


def text_of(columns: Sequence[str], raw: str | None) -> str:
    """SQL for the text of a row of ``staged``."""
    packed = ", ".join(f"{identifier(name)} := staged.{identifier(name)}" for name in columns)
    typed = f"CAST(struct_pack({packed}) AS VARCHAR)"
    return (
        f"coalesce(staged._raw, {typed})" if raw is None else f"coalesce(CAST(_in_file AS VARCHAR), {typed})"
    )


def lookup(raw: str | None) -> str:
    """SQL that joins the rows of the source, where they can be looked up."""
    return "" if raw is None else f"LEFT JOIN {identifier(raw)} AS _in_file ON _in_file.rowid = staged._row"
