"""The shape of clicks and events in tables of their own, joined by the click's id."""

from __future__ import annotations

import duckdb

from simulator.log.intake.keys import check_alike, read_key
from simulator.log.intake.kinds import EVENT_KINDS, amount_column, amount_sql, kind_sql
from simulator.log.intake.shown import clicked_shown, shown_labels, stage_shown, want_shown
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
from simulator.log.intake.tables import open_table
from simulator.scenario.data import DataBlock


def stage(con: duckdb.DuckDBPyConnection, data: DataBlock) -> Staged:
    """Make ``opened`` and ``happened`` of ``[data] clicks`` and ``events``."""
    c = data.columns
    clicks = open_table(con, "clicks", data.clicks, data.read)
    events = open_table(con, "events", data.events, data.read)
    staged = Staged(clicks, events, feature_columns(clicks, data))
    staged.shown = open_table(con, "impressions", data.impressions, data.read) if data.impressions else None
    event_click, event_time = c.event_click_id or c.click_id, c.event_time or c.time
    wanted = Wanted()
    for key in ("click_id", "time"):
        wanted.add(clicks, key, getattr(c, key))
    wanted.maybe(clicks, "user_id", c.user_id, "user_id")
    wanted.maybe(clicks, "item_id", c.item_id, "item_id")
    want_shown(wanted, staged, data)
    wanted.add(events, "event_click_id", event_click)
    wanted.add(events, "event_time", event_time)
    wanted.add(events, "event_id", c.event_id)
    wanted.add(events, "arrival_time", c.arrival_time)
    wanted.add(events, "kind", c.kind)
    amount = wanted.add(events, "amount", amount_column(events, data))
    wanted.add(events, "quantity", c.quantity)
    wanted.add(events, "currency", c.currency)
    load_wanted(con, staged, wanted, data, amounts=amount is not None)
    shown_click = clicked_shown(staged, data)
    click = read_key(
        con, [(clicks, "click_id", c.click_id), (events, "event_click_id", event_click), *shown_click]
    )
    staged.numbers["click_id"] = click.number
    person = who(con, clicks, data, staged)
    con.execute(
        f"CREATE TABLE {OPENED} AS SELECT source.rowid AS _row, {click.sql[0]} AS click_id, "
        f"{timed(con, clicks, 'time', c.time, data, staged).sql} AS time, {person['user']} AS user, {person['item']} AS item"
        f"{raw_features(staged)} FROM {clicks.name} AS source"
    )
    event_id = "source.rowid"
    if c.event_id is not None:
        read = read_key(con, [(events, "event_id", c.event_id)])
        event_id, staged.numbers["event_id"] = read.sql[0], read.number
    arrival = "CAST(NULL AS BIGINT)"
    if c.arrival_time is not None:
        arrival = timed(con, events, "arrival_time", c.arrival_time, data, staged).sql
    con.execute(
        f"CREATE TABLE {HAPPENED} AS SELECT source.rowid AS _row, {event_id} AS event_id, {click.sql[1]} AS click_id, "
        f"{timed(con, events, 'event_time', event_time, data, staged).sql} AS time, {arrival} AS arrival, "
        f"{kind_sql(events, data, EVENT_KINDS)} AS kind, {amount_sql(con, events, data, amount)} AS amount "
        f"FROM {events.name} AS source"
    )
    if not click.number:
        check_alike(con, OPENED, HAPPENED, f"[data.columns] event_click_id = {event_click!r}: {events.told}")
    for table in (OPENED, HAPPENED):
        settle_hours(con, data, staged, table)
    if staged.shown is not None:
        stage_shown(con, data, staged, staged.shown, click.sql[-1], person)
    staged.rows = sum(table.read for table in staged.tables.values())
    staged.labels = {
        "clicks": {"click_id": c.click_id, "time": c.time},
        "events": {
            "click_id": event_click, "time": event_time, "kind": c.kind, "amount": amount or "amount",
            "event_id": c.event_id or "event_id", "arrival_time": c.arrival_time or "arrival_time",
        },
        "impressions": shown_labels(data),
    }  # fmt: skip
    return staged
