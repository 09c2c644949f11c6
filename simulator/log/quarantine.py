"""Which rows of a source cannot be replayed, and why: each bad row has one reason, the first of this list
that applies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from simulator.log.schema import ROW_GROUP
from simulator.log.sql import identifier, literal

NULL = "null or unreadable value in a required column"
BEFORE_ORIGIN = "time before the origin of the log"
OUTSIDE = "feature id outside its cardinality"
DUPLICATE_CLICK = "duplicate click_id"
UNKNOWN_KIND = "unknown kind"
BAD_AMOUNT = "amount not finite, or negative"
DUPLICATE_EVENT = "duplicate event_id"
UNKNOWN_CLICK = "unknown click_id"
CLICK_QUARANTINED = "its click is in quarantine"
BEFORE_CLICK = "event before its click"
BEFORE_EVENT = "arrival before the event"
UNPAID_REFUND = "refund without a pay before it"
EXCESS_REFUND = "refund above what was paid"

KIND_RANK = "CASE {0} WHEN 'cart' THEN 1 WHEN 'pay' THEN 2 ELSE 3 END"
_ROUNDING = 1e-9
_INT32 = 2**31 - 1


def stage_clicks(
    con: duckdb.DuckDBPyConnection, source: str, features: Sequence[str], sizes: Mapping[str, int]
) -> None:
    """Fill ``staging.clicks`` from ``source`` and ``staging.bad_clicks`` (rid, click_id, reason) with those
    that must go.
    """
    columns = ["click_id", "time", "user_id", "item_id", *features]
    _stage(con, "clicks", source, {name: f"TRY_CAST({identifier(name)} AS BIGINT)" for name in columns})
    outside = " OR ".join(f"{identifier(f)} NOT BETWEEN 0 AND {sizes.get(f, _INT32) - 1}" for f in features)
    faults = {NULL: _any_null(columns), BEFORE_ORIGIN: "time < 0", OUTSIDE: outside or "false"}
    con.execute(
        "CREATE TABLE staging.bad_clicks AS SELECT * FROM "
        f"(SELECT rowid AS _rid, click_id, {_first(faults)} AS reason FROM staging.clicks) "
        "WHERE reason IS NOT NULL"
    )
    con.execute(
        f"INSERT INTO staging.bad_clicks SELECT _rid, click_id, {literal(DUPLICATE_CLICK)} "
        f"FROM ({_copies('clicks', 'click_id', columns[1:])})"
    )


def stage_events(con: duckdb.DuckDBPyConnection, source: str, *, arrivals: bool = False) -> None:
    """Fill ``staging.joined`` from ``source`` and `staging.sorted_clicks`, and ``staging.bad_events`` (rid,
    reason).

    The amount of a cart means nothing and may be null. With ``arrivals`` there is a column arrival_time, when an event
    became known; null is when it happened.
    """
    columns = {name: f"TRY_CAST({name} AS BIGINT)" for name in ("event_id", "click_id", "time")}
    columns["kind"] = "CAST(kind AS VARCHAR)"
    columns["amount"] = (
        "CASE WHEN amount IS NULL AND kind = 'cart' THEN 0 ELSE TRY_CAST(amount AS DOUBLE) END"
    )
    if arrivals:
        columns["arrival_time"] = (
            "CASE WHEN arrival_time IS NULL THEN TRY_CAST(time AS BIGINT) ELSE TRY_CAST(arrival_time AS BIGINT) END"
        )
    _stage(con, "events", source, columns)
    faults = {
        NULL: _any_null(list(columns)),
        UNKNOWN_KIND: "kind NOT IN ('cart', 'pay', 'refund')",
        BAD_AMOUNT: "NOT isfinite(amount) OR amount < 0",
    }
    if arrivals:
        faults[BEFORE_EVENT] = "arrival_time < time"
    con.execute(
        "CREATE TABLE staging.bad_events AS SELECT * FROM "
        f"(SELECT rowid AS _rid, {_first(faults)} AS reason FROM staging.events) WHERE reason IS NOT NULL"
    )
    order = ["time", KIND_RANK.format("kind"), "click_id", "amount"]
    con.execute(
        f"INSERT INTO staging.bad_events SELECT _rid, {literal(DUPLICATE_EVENT)} "
        f"FROM ({_copies('events', 'event_id', order)})"
    )
    _join_clicks(con, arrivals=arrivals)
    _check_refunds(con)


def _stage(con: duckdb.DuckDBPyConnection, table: str, source: str, columns: Mapping[str, str]) -> None:
    """Copy ``source`` with typed columns; ``_raw`` keeps the text of a row that could not be read in full."""
    typed = ", ".join(f"{expression} AS {identifier(name)}" for name, expression in columns.items())
    con.execute(
        f"CREATE TABLE staging.{table} AS "
        f"SELECT * EXCLUDE (_text), CASE WHEN {_any_null(list(columns))} THEN _text END AS _raw "
        f"FROM (SELECT {typed}, CAST(_row AS VARCHAR) AS _text FROM {identifier(source)} AS _row)"
    )


def _any_null(columns: Sequence[str]) -> str:
    return " OR ".join(f"{identifier(name)} IS NULL" for name in columns)


def _first(faults: Mapping[str, str]) -> str:
    """SQL for the first reason whose test is true, or null."""
    cases = (f"WHEN {test} THEN {literal(reason)}" for reason, test in faults.items())
    return f"CASE {' '.join(cases)} END"


def _good(table: str) -> str:
    """Query the rows, with ``_rid``, in which nothing bad was found so far."""
    return (
        f"SELECT {table}.rowid AS _rid, {table}.* FROM staging.{table} "
        f"ANTI JOIN staging.bad_{table} AS bad ON {table}.rowid = bad._rid"
    )


def _copies(table: str, key: str, order: Sequence[str]) -> str:
    """Query the good rows (_rid, key) that repeat the key of an earlier good one."""
    repeated = f"SELECT {key} FROM ({_good(table)}) GROUP BY {key} HAVING count(*) > 1"
    by = ", ".join(name if name.startswith("CASE") else identifier(name) for name in order)
    return (
        f"SELECT _rid, {key} FROM ({_good(table)}) SEMI JOIN ({repeated}) USING ({key}) "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {by}, _rid) > 1"
    )


def _join_clicks(con: duckdb.DuckDBPyConnection, *, arrivals: bool) -> None:
    known = "event.arrival_time, " if arrivals else ""
    reasons = {
        CLICK_QUARANTINED: "click.click_id IS NULL AND quarantined.click_id IS NOT NULL",
        UNKNOWN_CLICK: "click.click_id IS NULL",
        BEFORE_CLICK: "event.time < click.time",
    }
    con.execute(f"""
        CREATE TABLE staging.joined AS
        SELECT event._rid, event.event_id, event.click_id, event.time, event.kind, event.amount,
            {known}click.rowid AS click_row, {_first(reasons)} AS reason
        FROM ({_good("events")}) AS event
        LEFT JOIN staging.sorted_clicks AS click ON event.click_id = click.click_id
        LEFT JOIN (SELECT DISTINCT click_id FROM staging.bad_clicks) AS quarantined
        ON event.click_id = quarantined.click_id
    """)
    con.execute(
        "INSERT INTO staging.bad_events SELECT _rid, reason FROM staging.joined WHERE reason IS NOT NULL"
    )


def _check_refunds(con: duckdb.DuckDBPyConnection) -> None:
    """Refuse refunds that no pay covers.

    What is refused does not count against later refunds: a plain loop, over the few clicks that have any.
    """
    rows = con.sql(f"""
        SELECT _rid, click_row, kind = 'pay' AS pay, amount FROM staging.joined
        SEMI JOIN (SELECT click_row FROM staging.joined WHERE reason IS NULL AND kind = 'refund') AS refunded
        USING (click_row)
        WHERE reason IS NULL AND kind IN ('pay', 'refund')
        ORDER BY click_row, time, {KIND_RANK.format("kind")}, event_id
    """).to_arrow_reader(ROW_GROUP)
    bad: dict[int, str] = {}
    click, pays, balance, limit = -1, 0, 0.0, 0.0
    for batch in rows:
        for rid, row, pay, amount in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if row != click:
                click, pays, balance, limit = row, 0, 0.0, _ROUNDING
            if pay:
                pays, balance, limit = pays + 1, balance + amount, limit + amount * _ROUNDING
            elif not pays:
                bad[rid] = UNPAID_REFUND
            elif amount > balance + limit:
                bad[rid] = EXCESS_REFUND
            else:
                balance -= amount
    found = pa.table({"_rid": pa.array(bad, pa.int64()), "reason": pa.array(bad.values(), pa.string())})
    con.register("refused_refunds", found)
    con.execute("INSERT INTO staging.bad_events SELECT _rid, reason FROM refused_refunds")
    con.unregister("refused_refunds")


def collect(con: duckdb.DuckDBPyConnection, features: Sequence[str], extra: str | None) -> None:
    """Fill ``staging.quarantine``: every bad row with its source, its reason and its text, in order of the
    sources.
    """
    click_columns = ["click_id", "time", "user_id", "item_id", *features]
    event_columns = ["event_id", "click_id", "time", "kind", "amount"]
    con.execute(f"""
        CREATE TABLE staging.quarantine AS
        SELECT 'clicks' AS source, bad.reason, staged.click_id, CAST(NULL AS BIGINT) AS event_id, time,
            CAST(NULL AS VARCHAR) AS kind, CAST(NULL AS DOUBLE) AS amount,
            coalesce(_raw, CAST(struct_pack({_pack(click_columns)}) AS VARCHAR)) AS row, bad._rid
        FROM staging.bad_clicks AS bad JOIN staging.clicks AS staged ON staged.rowid = bad._rid
        UNION ALL
        SELECT 'events', bad.reason, click_id, event_id, time, kind, amount,
            coalesce(_raw, CAST(struct_pack({_pack(event_columns)}) AS VARCHAR)), bad._rid
        FROM staging.bad_events AS bad JOIN staging.events AS staged ON staged.rowid = bad._rid
    """)
    if extra is not None:
        con.execute(
            "INSERT INTO staging.quarantine (source, reason, row) "
            f"SELECT 'source', reason, CAST(source_row AS VARCHAR) FROM {identifier(extra)}"
        )


def _pack(columns: Sequence[str]) -> str:
    return ", ".join(f"{identifier(name)} := staged.{identifier(name)}" for name in columns)
