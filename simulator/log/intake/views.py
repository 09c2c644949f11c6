"""The clicks, events and impressions of the contract, made of what was staged."""

from __future__ import annotations

import duckdb

from simulator.log.intake.shown import SEEN, numbered
from simulator.log.intake.staged import HAPPENED, OPENED, Staged
from simulator.log.intake.vocabulary import Ids, whom
from simulator.log.sql import identifier


def make_views(
    con: duckdb.DuckDBPyConnection, staged: Staged, ids: Ids, origin: int, *, arrivals: bool
) -> None:
    """Make the views ``clicks``, ``events`` and, where there are any, ``impressions``; times count from ``origin``."""
    arrival = f", happened.arrival - {origin} AS arrival_time" if arrivals else ""
    user, item = (whom(con, staged, ids, name) for name in ("user", "item"))
    click_id, event_click = "opened.click_id", "happened.click_id"
    event_joins = []
    if not staged.numbers["click_id"]:
        con.execute(
            f"CREATE TABLE ids_click AS SELECT value, row_number() OVER (ORDER BY value) - 1 AS id "
            f"FROM (SELECT DISTINCT click_id AS value FROM {OPENED} WHERE click_id IS NOT NULL)"
        )
        ids.joins.append("LEFT JOIN ids_click ON ids_click.value = opened.click_id")
        click_id = "ids_click.id"
        if staged.events is not staged.clicks:
            event_joins.append("LEFT JOIN ids_click ON ids_click.value = happened.click_id")
            event_click = "CASE WHEN happened.click_id IS NOT NULL THEN coalesce(ids_click.id, -1) END"
    event_id = "happened.event_id"
    if staged.numbers.get("event_id") is False:
        con.execute(
            f"CREATE TABLE ids_event AS SELECT value, row_number() OVER (ORDER BY value) - 1 AS id "
            f"FROM (SELECT DISTINCT event_id AS value FROM {HAPPENED} WHERE event_id IS NOT NULL)"
        )
        event_joins.append("LEFT JOIN ids_event ON ids_event.value = happened.event_id")
        event_id = "ids_event.id"
    features = "".join(f", {sql} AS {identifier(name)}" for name, sql in ids.columns.items())
    con.execute(
        f"CREATE VIEW clicks AS SELECT opened._row, {click_id} AS click_id, opened.time - {origin} AS time, {user} AS user_id, "
        f"{item} AS item_id{features} FROM {OPENED} AS opened {' '.join(ids.joins)} WHERE opened._row >= 0"
    )
    if staged.shown is not None:
        con.execute(
            f"CREATE VIEW impressions AS SELECT seen._row, {numbered(con, staged)} AS impression_id, "
            f"opened.time - {origin} AS time, {user} AS user_id, {item} AS item_id{features}, {click_id} AS click_id "
            f"FROM {OPENED} AS opened JOIN {SEEN} AS seen ON opened._row = -1 - seen._row {' '.join(ids.joins)}"
        )
    [(ignored,)] = con.execute(f"SELECT count(*) FROM {HAPPENED} WHERE kind = 'ignore'").fetchall()
    if ignored:
        staged.ignored["ignore"] = staged.ignored.get("ignore", 0) + int(ignored)
    con.execute(
        f"CREATE VIEW events AS SELECT happened._row, {event_id} AS event_id, {event_click} AS click_id, "
        f"happened.time - {origin} AS time{arrival}, kind, "
        "CASE kind WHEN 'cart' THEN 0.0 ELSE amount END AS amount "
        f"FROM {HAPPENED} AS happened {' '.join(event_joins)} WHERE kind IS DISTINCT FROM 'ignore'"
    )
