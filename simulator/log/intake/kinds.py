"""Kinds and amounts as SQL: values in any case, several currencies, floats of 32 bits in their shortest decimal."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from simulator.errors import UsageError, nearest
from simulator.log.intake.tables import Table
from simulator.log.intake.values import is_number, spelt
from simulator.log.sql import identifier, literal
from simulator.scenario.data import DataBlock

EVENT_KINDS = ("cart", "pay", "refund")
TOUCH_KINDS = ("view", "cart", "favourite", "pay", "refund")
_TRUE = ("1", "true", "t", "yes", "y")


def kind_sql(table: Table, data: DataBlock, own: tuple[str, ...]) -> str:
    """SQL for the kind of a row: one of ``own``, 'ignore', ``(value)`` where a value is of none, or null.

    Raises
    ------
    UsageError : a value is mapped to a kind that this shape does not have.
    """
    column = data.columns.kind
    mapping: Mapping[str, str] = data.columns.kinds or {kind: kind for kind in own}
    for value, kind in mapping.items():
        if kind not in (*own, "ignore"):
            raise UsageError(
                f"[data.columns] kinds: {value!r} = {kind!r}: there are no such events beside clicks; allowed: "
                f"{', '.join(own)}, ignore"
            )
    text = f"trim({spelt(f'source.{identifier(column)}', table.types[column])})"
    lowered = {value.strip().lower(): kind for value, kind in mapping.items()}
    cases = " ".join(f"WHEN {literal(value)} THEN {literal(kind)}" for value, kind in lowered.items())
    return f"CASE lower({text}) {cases} ELSE '(' || {text} || ')' END"


def flag_sql(column: str) -> str:
    """SQL that tells whether a flag is set."""
    text = f"lower(trim(CAST(source.{identifier(column)} AS VARCHAR)))"
    return f"coalesce({text} IN ({', '.join(map(literal, _TRUE))}) OR TRY_CAST({text} AS DOUBLE) > 0, false)"


def number_sql(table: Table, column: str, key: str) -> str:
    """SQL for a number as DOUBLE, null where it is none."""
    kind, name = table.types[column], f"source.{identifier(column)}"
    if kind == "FLOAT":  # 12.34 and not 12.34000015: what was written before it lost its digits
        return f"TRY_CAST(CAST({name} AS VARCHAR) AS DOUBLE)"
    if kind == "VARCHAR":
        return f"TRY_CAST(trim({name}) AS DOUBLE)"
    if not is_number(kind):
        raise UsageError(
            f"[data.columns] {key} = {column!r}: {table.told} holds {kind} there; allowed: numbers"
        )
    return f"CAST({name} AS DOUBLE)"


def amount_column(table: Table, data: DataBlock) -> str | None:
    """Return the column of amounts: the one that is named, "amount" where there is one, or none ("none" says so)."""
    named = data.columns.amount
    if named and named[0] in ("", "none") and named[0] not in table.types:
        return None
    return named[0] if named else ("amount" if "amount" in table.types else None)


def amount_sql(con: duckdb.DuckDBPyConnection, table: Table, data: DataBlock, column: str | None) -> str:
    """SQL for the amount of a row in one currency, signed as in the file; 1 where there are no amounts.

    Raises
    ------
    UsageError : there are several currencies and no rates, or an amount is no number.
    """
    if column is None:
        return "1.0"
    sql = number_sql(table, column, "amount")
    if table.types[column] == "VARCHAR":
        _check_numbers(con, table, column)
    if data.columns.quantity is not None:
        sql = f"{sql} * {number_sql(table, data.columns.quantity, 'quantity')}"
    if data.columns.currency is not None:
        sql = f"{sql} * {_rate(con, table, data, data.columns.currency)}"
    return sql


def _check_numbers(con: duckdb.DuckDBPyConnection, table: Table, column: str) -> None:
    name = identifier(column)
    row = con.execute(
        f"SELECT count(TRY_CAST(trim(v) AS DOUBLE)), min(v) FROM (SELECT {name} AS v FROM {table.name} "
        f"WHERE {name} IS NOT NULL AND trim({name}) <> '' LIMIT 2000)"
    ).fetchone()
    if row is not None and row[1] is not None and not row[0]:
        raise UsageError(
            f"[data.columns] amount = {column!r}: {table.told} holds text such as {row[1][:60]!r} there; allowed: numbers"
        )


def _rate(con: duckdb.DuckDBPyConnection, table: Table, data: DataBlock, column: str) -> str:
    name = f"upper(trim(CAST({identifier(column)} AS VARCHAR)))"
    rows = con.execute(
        f"SELECT {name}, count(*) FROM {table.name} WHERE {identifier(column)} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    rates = {key.strip().upper(): rate for key, rate in data.currencies.items()}
    told = ", ".join(f"{currency} ({count:,})" for currency, count in rows[:20])
    where = f"[data.columns] currency = {column!r}: {table.told}"
    if not rates and len(rows) > 1:
        raise UsageError(
            f"{where} holds several currencies: {told}; give rates to one of them, such as "
            f"[data.currencies] {rows[0][0]} = 1.0"
        )
    if rates and (lacking := [currency for currency, _ in rows if currency not in rates]):
        raise UsageError(
            f"{where} holds {lacking[0]!r}, which [data.currencies] does not have (it has {', '.join(rates)}); the file "
            f"holds {told}.{nearest(lacking[0], rates)}"
        )
    cases = " ".join(f"WHEN {literal(currency)} THEN {rate!r}" for currency, rate in rates.items())
    text = f"upper(trim(CAST(source.{identifier(column)} AS VARCHAR)))"
    return f"CASE {text} {cases} END" if cases else f"CASE WHEN {text} IS NOT NULL THEN 1.0 END"
