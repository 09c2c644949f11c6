"""The shape of purchases without clicks: the first one of a user (and item) opens a journey and is its first pay."""

from __future__ import annotations

import duckdb

from simulator.log.intake.keys import read_key
from simulator.log.intake.kinds import amount_column, amount_sql, kind_sql
from simulator.log.intake.rejected import last_of, set_aside_outside, set_aside_unread
from simulator.log.intake.staged import (
    HAPPENED,
    OPENED,
    FeatureColumn,
    Staged,
    Wanted,
    feature_columns,
    load_wanted,
    raw_features,
    settle_hours,
    timed,
    who,
)
from simulator.log.intake.tables import REJECTED, Table, open_table
from simulator.log.intake.touches import join_keys, log_bucket
from simulator.scenario.data import DataBlock, FeatureBlock


def stage(con: duckdb.DuckDBPyConnection, data: DataBlock, attribution: int) -> Staged:
    """Make ``opened`` and ``happened`` of ``[data] purchases``.

    Purchases no more than ``attribution`` microseconds after the opener are repurchases; the first one after that opens
    the next journey. Negative amounts, and rows of kind refund, are refunds of the latest purchase at or before them;
    a purchase without a user, and a refund without a purchase, are unattributed.
    """
    c = data.columns
    table = open_table(con, "purchases", data.purchases, data.read)
    staged = Staged(table, table, feature_columns(table, data))
    wanted = Wanted()
    wanted.add(table, "time", c.time)
    wanted.add(table, "user_id", c.user_id)
    wanted.maybe(table, "item_id", c.item_id, "item_id")
    for key in ("event_id", "quantity", "currency", "arrival_time"):
        wanted.add(table, key, getattr(c, key))
    kind = wanted.add(table, "kind", c.kind if c.kinds or c.kind != "kind" or "kind" in table.types else None)
    amount = wanted.add(table, "amount", amount_column(table, data))
    load_wanted(con, staged, wanted, data, amounts=amount is not None)
    staged.labels = {
        "clicks": {"time": c.time},
        "events": {
            "time": c.time,
            "kind": c.kind,
            "amount": amount or "amount",
            "event_id": c.event_id or "event_id",
        },
    }
    _buy(con, table, data, staged, kind, amount)
    set_aside_unread(con, staged, "bought")
    settle_hours(con, data, staged, "bought")
    set_aside_outside(con, "bought", table, data)
    staged.last = last_of(con, "bought")
    keys = join_keys(data, table)
    _without_user(con, staged, keys)
    if data.counters:
        staged.features += _count(con, keys)
    _open(con, staged, keys, attribution)
    _happen(con, keys)
    [(opened,)] = con.execute(f"SELECT count(*) FROM {OPENED}").fetchall()
    staged.rows, staged.made = table.read, int(opened)
    for name in ("bought", "openers"):
        con.execute(f"DROP TABLE {name}")
    return staged


def _buy(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    data: DataBlock,
    staged: Staged,
    kind: str | None,
    amount: str | None,
) -> None:
    """Make ``bought``: every row, typed, a negative amount being a refund."""
    c = data.columns
    person = who(con, table, data, staged)
    staged.numbers["click_id"] = True
    event_id = "source.rowid"
    if c.event_id is not None:
        key = read_key(con, [(table, "event_id", c.event_id)])
        event_id, staged.numbers["event_id"] = key.sql[0], key.number
    arrival = "CAST(NULL AS BIGINT)"
    if c.arrival_time is not None:
        arrival = timed(con, table, "arrival_time", c.arrival_time, data, staged).sql
    worth = amount_sql(con, table, data, amount)
    told = "'pay'" if kind is None else kind_sql(table, data, ("pay", "refund"))
    con.execute(
        f"CREATE TABLE bought AS SELECT * REPLACE (CASE WHEN kind = 'pay' AND amount < 0 THEN 'refund' ELSE kind END AS kind) "
        f"FROM (SELECT source.rowid AS _row, {event_id} AS event_id, {person['user']} AS user, {person['item']} AS item, "
        f"{timed(con, table, 'time', c.time, data, staged).sql} AS time, {arrival} AS arrival, {told} AS kind, "
        f"{worth} AS amount{raw_features(staged)} FROM {table.name} AS source)"
    )
    [(ignored,)] = con.execute("SELECT count(*) FROM bought WHERE kind = 'ignore'").fetchall()
    if ignored:
        staged.ignored["ignore"] = int(ignored)
        con.execute("DELETE FROM bought WHERE kind = 'ignore'")


def _without_user(con: duckdb.DuckDBPyConnection, staged: Staged, keys: list[str]) -> None:
    lacking = " OR ".join(f"{key} IS NULL" for key in keys)
    which = f"CASE {' '.join(f'WHEN {key} IS NULL THEN {chr(39)}no {key}{chr(39)}' for key in keys)} END"
    con.execute(
        f"INSERT INTO {REJECTED} (source, row, reason, class) SELECT 'events', CAST(source AS VARCHAR), bad.reason, "
        f"'unattributed' FROM (SELECT _row, {which} AS reason FROM bought WHERE {lacking}) AS bad "
        f"JOIN {staged.clicks.name} AS source ON source.rowid = bad._row"
    )
    con.execute(f"DELETE FROM bought WHERE {lacking}")


def _count(con: duckdb.DuckDBPyConnection, keys: list[str]) -> list[FeatureColumn]:
    """Add to ``bought`` what its user and its item had bought and sent back strictly before, in buckets."""
    before = "ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    counted = {f"{owner}_{kind}s": (owner, kind) for owner in keys for kind in ("pay", "refund")}
    counters = ", ".join(
        f"count(*) FILTER (WHERE kind = '{kind}') OVER (PARTITION BY {owner} {before}) AS n_{name}"
        for name, (owner, kind) in counted.items()
    )
    buckets = ", ".join(f"{log_bucket('n_' + name)} AS {name}" for name in counted)
    con.execute(f"CREATE TABLE counted AS SELECT *, {buckets} FROM (SELECT *, {counters} FROM bought)")
    con.execute("DROP TABLE bought")
    con.execute("ALTER TABLE counted RENAME TO bought")
    return [FeatureColumn(name, FeatureBlock(column=name), name, "INTEGER") for name in counted]


def _open(con: duckdb.DuckDBPyConnection, staged: Staged, keys: list[str], attribution: int) -> None:
    """Make ``opened``: wave k holds the first purchase after the window of the opener of wave k-1."""
    both = ", ".join(keys)
    con.execute(
        f"CREATE TABLE openers AS SELECT {both}, min(time) AS time, 0 AS wave FROM bought WHERE kind = 'pay' GROUP BY {both}"
    )
    same = " AND ".join(f"opener.{key} = purchase.{key}" for key in keys)
    listed = ", ".join(f"opener.{key}" for key in keys)
    wave, opened = 0, 1
    while opened:
        [(opened,)] = con.execute(
            f"INSERT INTO openers SELECT {listed}, purchase.time, {wave + 1} "
            f"FROM (SELECT *, time + {attribution} AS closes FROM openers WHERE wave = {wave}) AS opener "
            f"ASOF JOIN (SELECT DISTINCT {both}, time FROM bought WHERE kind = 'pay') AS purchase "
            f"ON {same} AND opener.closes < purchase.time"
        ).fetchall()
        wave += 1
    raw = "".join(f", {feature.raw}" for feature in staged.features)
    con.execute(
        f"CREATE TABLE {OPENED} AS SELECT _row, row_number() OVER (ORDER BY time, user, item, _row) - 1 AS click_id, "
        f"time, user, item{raw} FROM openers JOIN (SELECT * FROM bought WHERE kind = 'pay') USING ({both}, time) "
        f"QUALIFY row_number() OVER (PARTITION BY {both}, time ORDER BY _row) = 1"
    )


def _happen(con: duckdb.DuckDBPyConnection, keys: list[str]) -> None:
    """Make ``happened``: every purchase belongs to the latest opener, every refund to that of the latest purchase."""
    same = " AND ".join(f"row.{key} = click.{key}" for key in keys)
    con.execute(
        f"CREATE TABLE {HAPPENED} AS SELECT row._row, row.event_id, click._row AS click_id, row.time, row.arrival, row.kind, "
        f"row.amount FROM (SELECT * FROM bought WHERE kind = 'pay') AS row ASOF JOIN {OPENED} AS click "
        f"ON {same} AND row.time >= click.time"
    )
    con.execute(
        f"CREATE TABLE sent_back AS SELECT row._row, row.event_id, click.click_id, row.time, row.arrival, row.kind, "
        f"row.amount, row.user, row.item FROM (SELECT * FROM bought WHERE kind = 'refund') AS row ASOF LEFT JOIN "
        f"(SELECT {', '.join(f'opened.{key}' for key in keys)}, paid.time, max(opened._row) AS click_id "
        f"FROM (SELECT click_id, time FROM {HAPPENED}) AS paid JOIN {OPENED} AS opened ON opened._row = paid.click_id "
        f"GROUP BY {', '.join(f'opened.{key}' for key in keys)}, paid.time) AS click ON {same} AND row.time >= click.time"
    )
    row = "struct_pack(kind := kind, user_id := user, item_id := item, time := time, amount := amount)"
    con.execute(
        f"INSERT INTO {REJECTED} (source, row, reason, class) SELECT 'events', CAST({row} AS VARCHAR), "
        "'refund without an earlier purchase', 'unattributed' FROM sent_back WHERE click_id IS NULL"
    )
    con.execute(
        f"INSERT INTO {HAPPENED} SELECT * EXCLUDE (user, item) FROM sent_back WHERE click_id IS NOT NULL"
    )
    con.execute("DROP TABLE sent_back")
