"""The shape of one table of actions: which of them open journeys, and which journey each of the others belongs to."""

from __future__ import annotations

from collections.abc import Container, Mapping

import duckdb

from simulator.log.intake.keys import read_key
from simulator.log.intake.kinds import TOUCH_KINDS, amount_column, amount_sql, flag_sql, kind_sql
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
from simulator.log.intake.values import among, spelt
from simulator.log.sql import identifier, literal
from simulator.scenario.data import DataBlock, FeatureBlock
from simulator.units import format_duration

_FOLLOWERS = {
    "view": ("cart", "pay", "refund"),
    "favourite": ("cart", "pay", "refund"),
    "cart": ("pay", "refund"),
}


def stage(con: duckdb.DuckDBPyConnection, data: DataBlock, attribution: int, refund: int) -> Staged:
    """Make ``opened`` and ``happened`` of ``[data] touches`` by last touch.

    An event belongs to the latest opener with the same ``attribute_by`` at or before it, no more than ``attribution``
    microseconds before; a refund to the journey of the latest such pay. What has none is unattributed.
    """
    table = open_table(con, "touches", data.touches, data.read)
    staged = Staged(table, table, feature_columns(table, data))
    _load(con, table, data, staged)
    staged.rows = table.read
    _touch(con, table, data, staged)
    set_aside_unread(con, staged, "touched")
    settle_hours(con, data, staged, "touched")
    set_aside_outside(con, "touched", table, data)
    staged.last = last_of(con, "touched")
    keys = join_keys(data, table)
    staged.kinds = dict(
        con.execute("SELECT kind, count(*) FROM touched GROUP BY kind ORDER BY kind").fetchall()
    )
    _open(con, data.opens, staged, _counters(data, keys, staged.kinds) if data.counters else {})
    _attach(con, data.opens, keys, attribution)
    _refunds(con, keys, refund)
    used = {data.opens, *_FOLLOWERS[data.opens]}
    staged.ignored |= {kind: count for kind, count in staged.kinds.items() if kind not in used}
    con.execute("DROP TABLE touched")
    return staged


def _load(con: duckdb.DuckDBPyConnection, table: Table, data: DataBlock, staged: Staged) -> None:
    c, wanted = data.columns, Wanted()
    wanted.add(table, "time", c.time)
    wanted.maybe(table, "user_id", c.user_id, "user_id")
    wanted.maybe(table, "item_id", c.item_id, "item_id")
    for key in ("event_id", "arrival_time", "quantity", "currency"):
        wanted.add(table, key, getattr(c, key))
    for flag in c.flags:
        wanted.add(table, "flags", flag)
    if not c.flags:
        wanted.add(table, "kind", c.kind)
    amount = wanted.add(table, "amount", amount_column(table, data))
    for condition in c.pay_if:
        wanted.add(table, "pay_if", condition)
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


def _touch(con: duckdb.DuckDBPyConnection, table: Table, data: DataBlock, staged: Staged) -> None:
    """Make ``touched``: every action, typed."""
    c = data.columns
    person = who(con, table, data, staged)
    event_id = "source.rowid"
    if c.event_id is not None:
        key = read_key(con, [(table, "event_id", c.event_id)])
        event_id, staged.numbers["event_id"] = key.sql[0], key.number
    staged.numbers["click_id"] = True
    arrival = "CAST(NULL AS BIGINT)"
    if c.arrival_time is not None:
        arrival = timed(con, table, "arrival_time", c.arrival_time, data, staged).sql
    time = timed(con, table, "time", c.time, data, staged).sql
    amount = amount_sql(con, table, data, amount_column(table, data))

    def select(kind: str, where: str) -> str:
        return (
            f"SELECT source.rowid AS _row, {event_id} AS event_id, {person['user']} AS user, {person['item']} AS item, "
            f"{time} AS time, {arrival} AS arrival, {kind} AS kind, {amount} AS amount{raw_features(staged)} "
            f"FROM {table.name} AS source{where}"
        )

    if c.flags:
        told = [kind for kind in dict.fromkeys(c.flags.values()) if kind != "ignore"]
        of = {kind: " OR ".join(flag_sql(f) for f, k in c.flags.items() if k == kind) for kind in told}
        query = " UNION ALL ".join(select(literal(kind), f" WHERE {test}") for kind, test in of.items())
        staged.made += _count_of(con, f"({query})") - table.rows
        unset = " AND ".join(f"NOT ({test})" for test in of.values())
        none = _count_of(con, f"(SELECT 1 FROM {table.name} AS source WHERE {unset})")
        staged.made += none
        staged.ignored |= {"rows without a flag": none} if none else {}
    else:
        kind = kind_sql(table, data, TOUCH_KINDS)
        if c.pay_if:
            tests = " AND ".join(
                among(spelt(f"source.{identifier(name)}", table.types[name]), marks)
                for name, marks in c.pay_if.items()
            )
            kind = f"CASE WHEN {kind} = 'pay' AND NOT ({tests}) THEN 'ignore' ELSE {kind} END"
        query = select(kind, "")
    con.execute(f"CREATE TABLE touched AS {query}")


def _count_of(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    [(count,)] = con.execute(f"SELECT count(*) FROM {relation}").fetchall()
    return int(count)


def join_keys(data: DataBlock, table: Table) -> list[str]:
    """Return which of ``user`` and ``item`` an event and its click have in common."""
    there = {key: getattr(data.columns, key) in table.types for key in ("user_id", "item_id")}
    return [key.removesuffix("_id") for key in data.attribute_by if there[key]] or ["user"]


def log_bucket(count: str) -> str:
    """SQL for a count in buckets 0, 1, 2-3, 4-7, ..."""
    return f"CASE WHEN {count} = 0 THEN 0 ELSE 1 + CAST(floor(log2({count})) AS INTEGER) END"


def _counters(data: DataBlock, keys: list[str], there: Container[str]) -> dict[str, tuple[str, str]]:
    """Name what is counted of a click's user and item, as (whose, which kind); kinds that are not there are not.

    With carts as openers, views are not counted: some public samples hold the views of bought pairs only.
    """
    opens = data.opens
    kinds = ("cart", "pay") if opens == "cart" else tuple(dict.fromkeys((opens, "cart", "pay")))
    counted = {f"user_{kind}s": ("user", kind) for kind in kinds}
    if "item" in keys:
        counted |= {f"item_{opens}s": ("item", opens), "item_pays": ("item", "pay")}
    return {name: (owner, kind) for name, (owner, kind) in counted.items() if kind in there}


def _open(
    con: duckdb.DuckDBPyConnection, opens: str, staged: Staged, counted: Mapping[str, tuple[str, str]]
) -> None:
    """Make ``opened``, with buckets of what its user and its item had done strictly before."""
    raw = "".join(f", {identifier(feature.raw)}" for feature in staged.features)
    source = (
        # Numbered apart from the features: sorting them along costs more than the join.
        f"(SELECT * FROM touched WHERE kind = {literal(opens)}) JOIN (SELECT _row, "
        f"row_number() OVER (ORDER BY time, user, item, _row) - 1 AS click_id FROM touched WHERE kind = {literal(opens)}) "
        "USING (_row)"
    )
    if counted:
        counters = ", ".join(
            f"count(*) FILTER (WHERE kind = {literal(kind)}) OVER by_{owner} AS n_{name}"
            for name, (owner, kind) in counted.items()
        )
        before = "ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
        # Counted over the narrow columns alone: the windows sort every action, twice.
        source += (
            f" JOIN (SELECT * EXCLUDE (kind) FROM (SELECT _row, kind, {counters} FROM "
            "(SELECT _row, kind, user, item, time FROM touched) WINDOW "
            f"by_user AS (PARTITION BY user {before}), by_item AS (PARTITION BY item {before})) "
            f"WHERE kind = {literal(opens)}) USING (_row)"
        )
        raw += "".join(f", {log_bucket('n_' + name)} AS {name}" for name in counted)
        staged.features += [
            FeatureColumn(name, FeatureBlock(column=name), name, "INTEGER") for name in counted
        ]
    con.execute(f"CREATE TABLE {OPENED} AS SELECT _row, click_id, time, user, item{raw} FROM {source}")


def _attach(con: duckdb.DuckDBPyConnection, opens: str, keys: list[str], attribution: int) -> None:
    """Make ``happened`` of carts and pays with an opener; the others are unattributed."""
    followers = ", ".join(literal(kind) for kind in _FOLLOWERS[opens] if kind != "refund")
    both = ", ".join(keys)
    same = " AND ".join(f"touch.{key} = opener.{key}" for key in keys)
    con.execute(
        f"CREATE TABLE attached AS SELECT touch._row, touch.event_id, opener.click_id, touch.time, touch.arrival, "
        f"touch.kind, touch.amount, touch.user, touch.item, opener.time AS opened "
        f"FROM (SELECT * FROM touched WHERE kind IN ({followers})) AS touch "
        f"ASOF LEFT JOIN (SELECT {both}, time, max(_row) AS click_id FROM {OPENED} GROUP BY {both}, time) AS opener "
        f"ON {same} AND touch.time >= opener.time"
    )
    what = "of the item by this user" if "item" in keys else "by this user"
    none = literal(f": no {opens} {what} at or before it")
    late = literal(f": its latest {opens} is more than {format_duration(attribution)} before it")
    _unattributed(
        con,
        "attached",
        f"kind || CASE WHEN opened IS NULL THEN {none} ELSE {late} END",
        f"opened IS NULL OR time - opened > {attribution}",
    )
    con.execute(
        f"CREATE TABLE {HAPPENED} AS SELECT * EXCLUDE (opened) FROM attached WHERE time - opened <= {attribution}"
    )
    con.execute("DROP TABLE attached")


def _unattributed(con: duckdb.DuckDBPyConnection, table: str, reason: str, where: str) -> None:
    row = "struct_pack(kind := kind, user_id := user, item_id := item, time := time, amount := amount)"
    con.execute(
        f"INSERT INTO {REJECTED} (source, row, reason, class) SELECT 'events', CAST({row} AS VARCHAR), {reason}, "
        f"'unattributed' FROM {table} WHERE {where}"
    )


def _refunds(con: duckdb.DuckDBPyConnection, keys: list[str], refund: int) -> None:
    """Add refunds to ``happened``: each belongs to the journey of the latest pay at or before it."""
    if not _count_of(con, "(SELECT 1 FROM touched WHERE kind = 'refund')"):
        con.execute(f"ALTER TABLE {HAPPENED} DROP COLUMN user")
        con.execute(f"ALTER TABLE {HAPPENED} DROP COLUMN item")
        return
    same = " AND ".join(f"touch.{key} = pay.{key}" for key in keys)
    both = ", ".join(keys)
    con.execute(
        f"CREATE TABLE sent_back AS SELECT touch._row, touch.event_id, pay.click_id, touch.time, touch.arrival, touch.kind, "
        f"touch.amount, touch.user, touch.item, pay.time AS paid FROM (SELECT * FROM touched WHERE kind = 'refund') AS touch "
        f"ASOF LEFT JOIN (SELECT {both}, time, max(click_id) AS click_id FROM {HAPPENED} WHERE kind = 'pay' "
        f"GROUP BY {both}, time) AS pay ON {same} AND touch.time >= pay.time"
    )
    late = literal(f"refund: its latest pay is more than {format_duration(refund)} before it")
    _unattributed(
        con,
        "sent_back",
        f"CASE WHEN paid IS NULL THEN 'refund: no pay of its user and item that belongs to a click' ELSE {late} END",
        f"paid IS NULL OR time - paid > {refund}",
    )
    con.execute(f"ALTER TABLE {HAPPENED} DROP COLUMN user")
    con.execute(f"ALTER TABLE {HAPPENED} DROP COLUMN item")
    con.execute(
        f"INSERT INTO {HAPPENED} SELECT _row, event_id, click_id, time, arrival, kind, amount FROM sent_back "
        f"WHERE time - paid <= {refund}"
    )
    con.execute("DROP TABLE sent_back")
