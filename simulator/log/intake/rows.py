"""The shape of wide rows: one row a click, with what followed in columns of its own."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from simulator.errors import UsageError
from simulator.log.intake.keys import read_key
from simulator.log.intake.kinds import number_sql
from simulator.log.intake.staged import (
    HAPPENED,
    OPENED,
    Staged,
    Wanted,
    feature_columns,
    load_wanted,
    raw_features,
    settle_hours,
    timed,
    who,
)
from simulator.log.intake.tables import Table, open_table
from simulator.log.intake.times import FACTOR, TimeColumn
from simulator.log.intake.values import among, spelt
from simulator.log.sql import identifier, literal
from simulator.scenario.data import DataBlock


def stage(con: duckdb.DuckDBPyConnection, data: DataBlock) -> Staged:
    """Make ``opened`` and ``happened`` of ``[data] rows``.

    Every time or delay that is not one of ``never`` is an event; of list columns, every entry.
    """
    c = data.columns
    table = open_table(con, "rows", data.rows, data.read)
    staged = Staged(table, table, feature_columns(table, data))
    if not (c.pay_time or c.pay_delay):
        raise UsageError(
            f"[data.columns] pay_time, or pay_delay, must name the column of {table.told} that says when a click paid; it "
            f"has {', '.join(table.types)}"
        )
    wanted = Wanted()
    wanted.maybe(table, "click_id", c.click_id, "click_id")
    wanted.add(table, "time", c.time)
    wanted.maybe(table, "user_id", c.user_id, "user_id")
    wanted.maybe(table, "item_id", c.item_id, "item_id")
    for key in (
        "pay_time",
        "pay_delay",
        "cart_time",
        "cart_delay",
        "refund_time",
        "refund_delay",
        "refund_amount",
    ):
        for column in getattr(c, key):
            wanted.add(table, key, column)
    amounts = c.amount or (("amount",) if "amount" in table.types else ())
    for column in amounts:
        wanted.add(table, "amount", column)
    wanted.add(table, "event_id", c.event_id)
    for column in c.pay_if:
        wanted.add(table, "pay_if", column)
    load_wanted(con, staged, wanted, data, amounts=bool(amounts))
    _open(con, table, data, staged)
    _happen(con, table, data, staged, amounts)
    by_delay = not (c.cart_time or c.pay_time or c.refund_time)
    settle_hours(con, data, staged, OPENED, HAPPENED if by_delay else None)
    if not by_delay:
        settle_hours(con, data, staged, HAPPENED)
    [(events,)] = con.execute(f"SELECT count(*) FROM {HAPPENED}").fetchall()
    staged.rows, staged.made = table.read, int(events)
    if c.event_id is not None:
        _latest_only(con, table, data, staged, c.event_id)
    staged.labels = {
        "clicks": {"click_id": c.click_id, "time": c.time},
        "events": {"time": ", ".join(c.pay_time or c.pay_delay), "amount": ", ".join(amounts) or "amount"},
    }
    return staged


def _open(con: duckdb.DuckDBPyConnection, table: Table, data: DataBlock, staged: Staged) -> None:
    c = data.columns
    click, staged.numbers["click_id"] = "source.rowid", True
    if c.click_id in table.types:
        key = read_key(con, [(table, "click_id", c.click_id)])
        click, staged.numbers["click_id"] = key.sql[0], key.number
    person = who(con, table, data, staged)
    con.execute(
        f"CREATE TABLE {OPENED} AS SELECT source.rowid AS _row, {click} AS click_id, "
        f"{timed(con, table, 'time', c.time, data, staged).sql} AS time, {person['user']} AS user, {person['item']} AS item"
        f"{raw_features(staged)} FROM {table.name} AS source"
    )


def _happen(
    con: duckdb.DuckDBPyConnection, table: Table, data: DataBlock, staged: Staged, amounts: Sequence[str]
) -> None:
    """Make ``happened``: one query for each column of times or delays."""
    c = data.columns
    clicked = timed(con, table, "time", c.time, data, staged)
    queries = []
    paid = " AND ".join(
        among(spelt(f"source.{identifier(name)}", table.types[name]), marks)
        for name, marks in c.pay_if.items()
    )
    for kind, rank in (("cart", 0), ("pay", 1), ("refund", 2)):
        worth = {"cart": (), "pay": amounts, "refund": c.refund_amount or amounts}[kind]
        for suffix in ("time", "delay"):
            columns = getattr(c, f"{kind}_{suffix}")
            for place, column in enumerate(columns):
                value = worth[min(place, len(worth) - 1)] if worth else None
                time = _when(con, table, data, column, f"{kind}_{suffix}", clicked, staged)
                never = _never(table, data, column)
                test = f"NOT ({never})" + (f" AND ({paid})" if paid and kind != "cart" else "")
                queries.append(_select(table, column, value, kind, rank, place, time, test))
    con.execute(
        f"CREATE TABLE {HAPPENED} AS SELECT _row, row_number() OVER (ORDER BY _row, rank, place, part) - 1 AS event_id, "
        f"_row AS click_id, time, CAST(NULL AS BIGINT) AS arrival, kind, amount FROM ({' UNION ALL '.join(queries)})"
    )


def _latest_only(
    con: duckdb.DuckDBPyConnection, table: Table, data: DataBlock, staged: Staged, column: str
) -> None:
    """Where several clicks carry one event, keep that of the latest click at or before it."""
    key = spelt(f"source.{identifier(column)}", table.types[column])
    con.execute(
        f"CREATE TABLE earlier AS SELECT event_id FROM (SELECT event.event_id, {key} AS key, row_number() OVER "
        f"(PARTITION BY event.kind, key ORDER BY click.time <= event.time DESC NULLS LAST, click.time DESC NULLS LAST, "
        f"click._row DESC, event.event_id) AS place FROM {HAPPENED} AS event JOIN {OPENED} AS click USING (_row) "
        f"JOIN {table.name} AS source ON source.rowid = event._row) "
        f"WHERE place > 1 AND key IS NOT NULL AND NOT {among('trim(key)', data.columns.never)}"
    )
    con.execute(f"DELETE FROM {HAPPENED} WHERE event_id IN (SELECT event_id FROM earlier)")
    [(count,)] = con.execute("SELECT count(*) FROM earlier").fetchall()
    con.execute("DROP TABLE earlier")
    staged.ignored |= (
        {f"events of a click before the latest one with their {column}": int(count)} if count else {}
    )


def _select(
    table: Table, column: str, value: str | None, kind: str, rank: int, place: int, time: str, test: str
) -> str:
    """SQL for the events of one column; of a list, one event an entry (its amount is the entry of the same place)."""
    listed = _holds_lists(table, column)
    amount = "0.0" if kind == "cart" else "1.0"
    if value is not None and kind != "cart":
        own, _ = _cell(table, value)
        amount = f"TRY_CAST({own} AS DOUBLE)" if listed else number_sql(table, value, "amount")
    entries = f", unnest(range(1, len(source.{identifier(column)}) + 1)) AS i" if listed else ", 0 AS i"
    return (
        f"SELECT _row, {literal(kind)} AS kind, {rank} AS rank, {place} AS place, i AS part, {time} AS time, "
        f"{amount} AS amount FROM (SELECT source.rowid AS _row, source.*{entries} FROM {table.name} AS source) AS source "
        f"WHERE {test}"
    )


def _holds_lists(table: Table, column: str) -> bool:
    return table.types[column].endswith("[]")


def _cell(table: Table, column: str) -> tuple[str, str]:
    """SQL for one value of a column (of a list, that of entry i), and its type."""
    kind, name = table.types[column], f"source.{identifier(column)}"
    return (f"{name}[source.i]", kind.removesuffix("[]")) if kind.endswith("[]") else (name, kind)


def _never(table: Table, data: DataBlock, column: str) -> str:
    name, kind = _cell(table, column)
    text = spelt(name, kind)
    return f"({text}) IS NULL OR {among(f'trim({text})', data.columns.never)}"


def _when(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    data: DataBlock,
    column: str,
    key: str,
    clicked: TimeColumn,
    staged: Staged,
) -> str:
    """SQL for the time of an event: as it stands (numbers in the unit of the click's), or the click's plus a delay."""
    name, kind = _cell(table, column)
    if key.endswith("_time"):
        if _holds_lists(table, column):
            stamped = kind.startswith(("TIMESTAMP", "DATE"))
            return f"TRY(epoch_us(CAST({name} AS TIMESTAMP)))" if stamped else clicked.of(name)
        return timed(con, table, key, column, data, staged, data.columns.never, clicked.unit).sql
    unit = data.columns.delay_unit or clicked.unit
    if unit is None:
        unit = "s"
        note = f"[data.columns] delays of {table.told} are read as seconds; delay_unit says otherwise"
        staged.notes += [] if note in staged.notes else [note]
    return f"TRY_CAST(round(TRY_CAST({name} AS DOUBLE) * {FACTOR[unit]!r}) AS BIGINT) + ({clicked.sql})"
