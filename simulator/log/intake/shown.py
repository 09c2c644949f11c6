"""Impressions beside clicks and events: a table of its own, whose features, users and items are numbered with the clicks'."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from simulator.log.intake.keys import read_key
from simulator.log.intake.staged import OPENED, Staged, Wanted, raw_features, settle_hours, timed
from simulator.log.intake.tables import Table
from simulator.scenario.data import DataBlock

SEEN = "seen"
"""Impressions to be: the columns of ``opened``, and impression_id."""


def shown_labels(data: DataBlock) -> dict[str, str]:
    """Return the user's names of the columns of impressions."""
    c = data.columns
    return {
        "impression_id": c.impression_id,
        "time": c.impression_time or c.time,
        "click_id": c.impression_click_id or c.click_id,
    }


def want_shown(wanted: Wanted, staged: Staged, data: DataBlock) -> None:
    """Want the columns of impressions; users and items have the names that they have among the clicks."""
    if staged.shown is None:
        return
    c, labels = data.columns, shown_labels(data)
    wanted.maybe(staged.shown, "impression_id", c.impression_id, "impression_id")
    wanted.add(staged.shown, "impression_time", labels["time"])
    wanted.add(staged.shown, "impression_click_id", labels["click_id"])
    for key in ("user_id", "item_id"):
        if (column := getattr(c, key)) in staged.clicks.types:
            wanted.add(staged.shown, key, column)


def clicked_shown(staged: Staged, data: DataBlock) -> list[tuple[Table, str, str]]:
    """Return where impressions name their click, if there are any."""
    if staged.shown is None:
        return []
    return [(staged.shown, "impression_click_id", shown_labels(data)["click_id"])]


def stage_shown(
    con: duckdb.DuckDBPyConnection,
    data: DataBlock,
    staged: Staged,
    table: Table,
    click: str,
    person: Mapping[str, str],
) -> None:
    """Make ``seen`` of ``[data] impressions``; ``click`` is SQL for the id of the click, null where nobody clicked."""
    labels, own = shown_labels(data), "source.rowid"
    staged.numbers["impression_id"] = True
    if labels["impression_id"] in table.types:
        key = read_key(con, [(table, "impression_id", labels["impression_id"])])
        own, staged.numbers["impression_id"] = key.sql[0], key.number
    con.execute(
        f"CREATE TABLE {SEEN} AS SELECT source.rowid AS _row, {own} AS impression_id, {click} AS click_id, "
        f"{timed(con, table, 'impression_time', labels['time'], data, staged).sql} AS time, {person['shown_user']} AS user, "
        f"{person['shown_item']} AS item{raw_features(staged)} FROM {table.name} AS source"
    )
    settle_hours(con, data, staged, SEEN)


def learn_with_clicks(con: duckdb.DuckDBPyConnection) -> None:
    """Add the impressions to ``opened``, for their values to be numbered together; there their rows count down from -1."""
    con.execute(
        f"INSERT INTO {OPENED} BY NAME SELECT * EXCLUDE (impression_id) REPLACE (-1 - _row AS _row) FROM {SEEN}"
    )


def numbered(con: duckdb.DuckDBPyConnection, staged: Staged) -> str:
    """SQL for ``impression_id`` from ``seen``: integers as they are, text numbered."""
    if staged.numbers["impression_id"]:
        return "seen.impression_id"
    con.execute(
        f"CREATE TABLE ids_impression AS SELECT value, row_number() OVER (ORDER BY value) - 1 AS id "
        f"FROM (SELECT DISTINCT impression_id AS value FROM {SEEN} WHERE impression_id IS NOT NULL)"
    )
    return "(SELECT id FROM ids_impression WHERE value = seen.impression_id)"
