"""Finds the rows of a source that cannot be replayed, each with the first of `simulator.log.reasons` that applies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import duckdb

from simulator.log.reasons import (
    BAD,
    BAD_AMOUNT,
    BEFORE_CLICK,
    BEFORE_EVENT,
    BEFORE_ORIGIN,
    CLASS,
    CLICK_QUARANTINED,
    DUPLICATE_CLICK,
    DUPLICATE_EVENT,
    REPEATED_CLICK,
    REPEATED_EVENT,
    SHARED_ID,
    STRAY,
    UNKNOWN_CLICK,
    UNKNOWN_KIND,
    Rules,
)
from simulator.log.sql import identifier, literal
from simulator.log.staging import (
    Fault,
    column_of,
    feature_faults,
    first_reason,
    good,
    lookup,
    nulls,
    stage,
    text_of,
)


def stage_clicks(
    con: duckdb.DuckDBPyConnection,
    source: str,
    features: Sequence[str],
    sizes: Mapping[str, int],
    rules: Rules,
    tags: Collection[str] = (),
) -> int:
    """Fill ``staging.clicks`` from ``source`` and ``staging.bad_clicks`` (rid, click_id, reason, col) with those that
    must go; return how many click ids are used again later. ``tags`` are the columns that may hold -1.
    """
    columns = ["click_id", "time", "user_id", "item_id", *features]
    stage(con, "clicks", source, {name: f"TRY_CAST({identifier(name)} AS BIGINT)" for name in columns}, rules)
    faults = nulls("clicks", columns, rules)
    faults.append(
        (BEFORE_ORIGIN if rules.first is None else STRAY, "time < 0", rules.label("clicks", "time"))
    )
    if rules.first is not None and rules.last is not None:
        stray = f"time < {rules.first} OR time > {rules.last}"
        faults.append((STRAY, stray, rules.label("clicks", "time")))
    faults += feature_faults("clicks", features, sizes, rules, tags)
    con.execute(
        "CREATE TABLE staging.bad_clicks AS SELECT * FROM "
        f"(SELECT rowid AS _rid, click_id, {first_reason(faults)} AS reason, {column_of(faults)} AS col FROM staging.clicks) "
        "WHERE reason IS NOT NULL"
    )
    return 0 if rules.unique else _copies_of_clicks(con, columns)


def _copies_of_clicks(con: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> int:
    """Mark clicks that repeat another of the same id and instant; return how many ids come again later."""
    con.execute(
        f"CREATE TABLE staging.again AS SELECT click_id FROM ({good('clicks')}) GROUP BY click_id HAVING count(*) > 1"
    )
    listed = ", ".join(map(identifier, columns))
    con.execute(
        f"INSERT INTO staging.bad_clicks SELECT _rid, click_id, CASE WHEN copy > 1 THEN {literal(REPEATED_CLICK)} "
        f"ELSE {literal(DUPLICATE_CLICK)} END, 'click_id' FROM (SELECT _rid, click_id, "
        f"row_number() OVER (PARTITION BY click_id, time ORDER BY {listed}, _rid) AS place, "
        f"row_number() OVER (PARTITION BY {listed} ORDER BY _rid) AS copy "
        f"FROM ({good('clicks')}) SEMI JOIN staging.again USING (click_id)) WHERE place > 1"
    )
    [(reused,)] = con.execute(
        f"SELECT count(*) - count(DISTINCT click_id) FROM ({good('clicks')}) SEMI JOIN staging.again USING (click_id)"
    ).fetchall()
    con.execute("DROP TABLE staging.again")
    return int(reused)


def stage_events(
    con: duckdb.DuckDBPyConnection, source: str, rules: Rules, *, reused: bool, arrivals: bool = False
) -> None:
    """Fill ``staging.joined`` from ``source`` and `staging.sorted_clicks`, ``staging.bad_events`` (rid, reason, col), and
    ``staging.refunded`` (rid, amount that counts).

    The amount of a cart means nothing and may be null; the sign of a refund means nothing. With ``arrivals`` there is a
    column arrival_time, when an event became known; null is when it happened.
    """
    columns = {name: f"TRY_CAST({name} AS BIGINT)" for name in ("event_id", "click_id", "time")}
    columns["kind"] = "CAST(kind AS VARCHAR)"
    columns["amount"] = (
        "CASE WHEN amount IS NULL AND kind = 'cart' THEN 0 WHEN kind = 'refund' THEN abs(TRY_CAST(amount AS DOUBLE)) "
        "ELSE TRY_CAST(amount AS DOUBLE) END"
    )
    if arrivals:
        columns["arrival_time"] = (
            "CASE WHEN arrival_time IS NULL THEN TRY_CAST(time AS BIGINT) ELSE TRY_CAST(arrival_time AS BIGINT) END"
        )
    stage(con, "events", source, columns, rules)
    label = rules.label
    faults = nulls("events", list(columns), rules)
    faults.append((UNKNOWN_KIND, "kind NOT IN ('cart', 'pay', 'refund')", label("events", "kind")))
    faults.append((BAD_AMOUNT, "NOT isfinite(amount) OR amount < 0", label("events", "amount")))
    if arrivals:
        faults.append((BEFORE_EVENT, "arrival_time < time", label("events", "arrival_time")))
    con.execute(
        "CREATE TABLE staging.bad_events AS SELECT * FROM "
        f"(SELECT rowid AS _rid, {first_reason(faults)} AS reason, {column_of(faults)} AS col FROM staging.events) "
        "WHERE reason IS NOT NULL"
    )
    _copies_of_events(con, rules)
    _join_clicks(con, rules, reused=reused, arrivals=arrivals)


def _copies_of_events(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Mark events that are there already: of the same kind and id (the earliest counts), or without ids rows that are
    equal in all that was read of them.
    """
    copies = f"({good('events')})"
    part = key = "click_id, time, kind, amount"
    if rules.own_ids:
        part = key = "kind, event_id"
        order = "time, click_id, amount, _rid"
        reason = (
            f"CASE WHEN amount = first_value(amount) OVER same AND click_id = first_value(click_id) OVER same "
            f"THEN {literal(DUPLICATE_EVENT)} ELSE {literal(SHARED_ID)} END"
        )
    elif rules.duplicates == "drop":
        order, reason = "_rid", literal(REPEATED_EVENT)
        if (
            "events" in rules.raw
        ):  # two items of one instant and price are no repeats where both are of one click
            part = f"{key}, _whole"
            copies = (
                f"(SELECT good.*, CAST(_in_file AS VARCHAR) AS _whole FROM {copies} AS good "
                f"SEMI JOIN staging.again USING ({key}) LEFT JOIN {identifier(rules.raw['events'])} AS _in_file "
                "ON _in_file.rowid = good._row)"
            )
    else:
        return
    con.execute(
        f"CREATE TABLE staging.again AS SELECT {key} FROM ({good('events')}) GROUP BY {key} HAVING count(*) > 1"
    )
    column = literal(rules.label("events", "event_id") if rules.own_ids else "")
    con.execute(
        f"INSERT INTO staging.bad_events SELECT _rid, reason, {column} FROM (SELECT _rid, {reason} AS reason, "
        f"row_number() OVER same AS place FROM {copies} SEMI JOIN staging.again USING ({key}) "
        f"WINDOW same AS (PARTITION BY {part} ORDER BY {order})) WHERE place > 1"
    )
    con.execute("DROP TABLE staging.again")


def _join_clicks(con: duckdb.DuckDBPyConnection, rules: Rules, *, reused: bool, arrivals: bool) -> None:
    """Find the click of every good event: by its row, or by its id (of several the latest at or before the event)."""
    key = "_row" if rules.by_row else "click_id"
    faults: list[Fault] = [
        (CLICK_QUARANTINED, "click.click_id IS NULL AND quarantined.id IS NOT NULL", ""),
        (UNKNOWN_CLICK, "click.click_id IS NULL", rules.label("events", "click_id")),
        (BEFORE_CLICK, "event.time < click.time", rules.label("events", "time")),
    ]
    bad = (
        f"SELECT DISTINCT staged.{key} AS id FROM staging.bad_clicks AS bad "
        "JOIN staging.clicks AS staged ON staged.rowid = bad._rid"
    )
    found = f"LEFT JOIN staging.sorted_clicks AS click ON event.click_id = click.{key}"
    if reused:
        # Events before the first click of their id have no match as of their time, but one by id.
        latest = (
            f"SELECT event._rid, click.rowid AS place FROM ({good('events')}) AS event "
            "ASOF JOIN (SELECT rowid, click_id, time FROM staging.sorted_clicks) AS click "
            "ON event.click_id = click.click_id AND event.time >= click.time"
        )
        first = "SELECT click_id, min(rowid) AS place FROM staging.sorted_clicks GROUP BY click_id"
        found = (
            f"LEFT JOIN ({latest}) AS latest USING (_rid) LEFT JOIN ({first}) AS first ON first.click_id = event.click_id "
            "LEFT JOIN staging.sorted_clicks AS click ON click.rowid = coalesce(latest.place, first.place)"
        )
    known = "event.arrival_time, " if arrivals else ""
    con.execute(f"""
        CREATE TABLE staging.joined AS
        SELECT event._rid, event.event_id, click.click_id, event.time, event.kind, event.amount, {known}
            click.rowid AS click_row, click.time AS clicked, {first_reason(faults)} AS reason, {column_of(faults)} AS col
        FROM ({good("events")}) AS event {found}
        LEFT JOIN ({bad}) AS quarantined ON event.click_id = quarantined.id
    """)
    con.execute(
        "INSERT INTO staging.bad_events SELECT _rid, reason, col FROM staging.joined WHERE reason IS NOT NULL"
    )


def check_strays(con: duckdb.DuckDBPyConnection, rules: Rules, last: int) -> None:
    """Put events aside that lie after ``last`` and belong to no journey that could still be open."""
    if rules.lifetime is None:
        return
    con.execute(
        f"INSERT INTO staging.bad_events SELECT _rid, {literal(STRAY)}, {literal(rules.label('events', 'time'))} "
        f"FROM staging.joined WHERE reason IS NULL AND time > {last} AND time - clicked > {rules.lifetime}"
    )
    con.execute(
        f"UPDATE staging.joined SET reason = {literal(STRAY)} WHERE reason IS NULL AND time > {last} "
        f"AND time - clicked > {rules.lifetime}"
    )


def collect(con: duckdb.DuckDBPyConnection, features: Sequence[str], extra: str | None, rules: Rules) -> None:
    """Fill ``staging.quarantine``: every bad row with its source, reason, column, class and text, in order of the sources."""
    click_columns = ["click_id", "time", "user_id", "item_id", *features]
    event_columns = ["event_id", "click_id", "time", "kind", "amount"]
    con.execute(f"""
        CREATE TABLE staging.quarantine AS
        SELECT 'clicks' AS source, bad.reason, coalesce(bad.col, '') AS "column", {_class("bad.reason")} AS class,
            staged.click_id, CAST(NULL AS BIGINT) AS event_id, staged.time,
            CAST(NULL AS VARCHAR) AS kind, CAST(NULL AS DOUBLE) AS amount,
            {text_of(click_columns, rules.raw.get("clicks"))} AS row, bad._rid
        FROM staging.bad_clicks AS bad JOIN staging.clicks AS staged ON staged.rowid = bad._rid
        {lookup(rules.raw.get("clicks"))}
        UNION ALL
        SELECT 'events', bad.reason, coalesce(bad.col, ''), {_class("bad.reason")},
            staged.click_id, staged.event_id, staged.time, staged.kind, staged.amount,
            {text_of(event_columns, rules.raw.get("events"))}, bad._rid
        FROM staging.bad_events AS bad JOIN staging.events AS staged ON staged.rowid = bad._rid
        {lookup(rules.raw.get("events"))}
    """)
    if extra is not None:
        con.execute(
            'INSERT INTO staging.quarantine (source, reason, "column", class, row) '
            f"SELECT source, reason, col, class, row FROM {identifier(extra)}"
        )


def _class(reason: str) -> str:
    cases = " ".join(f"WHEN {literal(known)} THEN {literal(kind)}" for known, kind in CLASS.items())
    return f"CASE {reason} {cases} ELSE {literal(BAD)} END"
