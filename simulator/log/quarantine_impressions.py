"""Finds the impressions of a source that cannot be replayed, and the clicks of the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import duckdb

from simulator.errors import UsageError
from simulator.log.reasons import (
    AFTER_CLICK,
    BAD,
    BEFORE_ORIGIN,
    CLICK_QUARANTINED,
    DUPLICATE_IMPRESSION,
    SHARED_CLICK,
    STRAY,
    UNKNOWN_CLICK,
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

_NAMED = ("impression_id", "time", "user_id", "item_id")


def stage_impressions(
    con: duckdb.DuckDBPyConnection,
    source: str,
    features: Sequence[str],
    sizes: Mapping[str, int],
    rules: Rules,
    tags: Collection[str],
    *,
    reused: bool,
) -> None:
    """Fill ``staging.impressions`` from ``source`` and ``staging.bad_impressions`` (rid, reason, col), and add these to
    ``staging.quarantine``; the clicks are sorted already.

    Raises
    ------
    UsageError : click ids are used again later (``reused``), so that an impression does not say which click it means.
    """
    if reused:
        raise UsageError(
            "click ids are used again later, so they do not say which click an impression had; give each click its own id"
        )
    columns = [*_NAMED, *features]
    typed = {name: f"TRY_CAST({identifier(name)} AS BIGINT)" for name in columns}
    # A click id that cannot be read is none that is known; only a null says that nobody clicked.
    typed["click_id"] = "CASE WHEN click_id IS NOT NULL THEN coalesce(TRY_CAST(click_id AS BIGINT), -1) END"
    stage(con, "impressions", source, typed, rules, may_miss=["click_id"])
    label = rules.label
    faults = nulls("impressions", columns, rules)
    outside = (
        "time < 0" if rules.first is None else f"time < 0 OR time < {rules.first} OR time > {rules.last}"
    )
    faults.append((BEFORE_ORIGIN if rules.first is None else STRAY, outside, label("impressions", "time")))
    faults += feature_faults("impressions", features, sizes, rules, tags)
    con.execute(
        "CREATE TABLE staging.bad_impressions AS SELECT * FROM "
        f"(SELECT rowid AS _rid, {first_reason(faults)} AS reason, {column_of(faults)} AS col FROM staging.impressions) "
        "WHERE reason IS NOT NULL"
    )
    if not rules.unique:
        _put_copies_aside(con, label("impressions", "impression_id"))
    _find_clicks(con, rules)
    _collect(con, columns, rules)


def _put_copies_aside(con: duckdb.DuckDBPyConnection, column: str) -> None:
    """Of impressions with one id, the earliest stays."""
    con.execute(
        f"INSERT INTO staging.bad_impressions SELECT _rid, {literal(DUPLICATE_IMPRESSION)}, {literal(column)} FROM ("
        "SELECT _rid, row_number() OVER (PARTITION BY impression_id ORDER BY time, _rid) AS place FROM "
        f"({good('impressions')}) SEMI JOIN (SELECT impression_id FROM ({good('impressions')}) GROUP BY impression_id "
        "HAVING count(*) > 1) AS again USING (impression_id)) WHERE place > 1"
    )


def _find_clicks(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Make ``staging.shown`` (_rid, click_row, click_time) of the clicked ones; of several of one click the last counts."""
    column = rules.label("impressions", "click_id")
    faults: list[Fault] = [
        (CLICK_QUARANTINED, "click.click_id IS NULL AND quarantined.id IS NOT NULL", ""),
        (UNKNOWN_CLICK, "click.click_id IS NULL", column),
        (AFTER_CLICK, "shown.time > click.time", rules.label("impressions", "time")),
        (
            SHARED_CLICK,
            "row_number() OVER (PARTITION BY click.rowid ORDER BY late, shown.time DESC, _rid) > 1",
            column,
        ),
    ]
    bad = (
        "SELECT DISTINCT staged.click_id AS id FROM staging.bad_clicks AS bad "
        "JOIN staging.clicks AS staged ON staged.rowid = bad._rid"
    )
    con.execute(f"""
        CREATE TABLE staging.shown AS
        SELECT _rid, click.rowid AS click_row, click.time AS click_time, shown.time > click.time AS late,
            {first_reason(faults)} AS reason, {column_of(faults)} AS col
        FROM (SELECT * FROM ({good("impressions")}) WHERE click_id IS NOT NULL) AS shown
        LEFT JOIN staging.sorted_clicks AS click USING (click_id)
        LEFT JOIN ({bad}) AS quarantined ON shown.click_id = quarantined.id
    """)
    con.execute(
        "INSERT INTO staging.bad_impressions SELECT _rid, reason, col FROM staging.shown WHERE reason IS NOT NULL"
    )


def _collect(con: duckdb.DuckDBPyConnection, columns: Sequence[str], rules: Rules) -> None:
    raw = rules.raw.get("impressions")
    con.execute(
        'INSERT INTO staging.quarantine (source, reason, "column", class, click_id, time, row, _rid) '
        f"SELECT 'impressions', bad.reason, coalesce(bad.col, ''), {literal(BAD)}, staged.click_id, staged.time, "
        f"{text_of(columns, raw)}, bad._rid FROM staging.bad_impressions AS bad "
        f"JOIN staging.impressions AS staged ON staged.rowid = bad._rid {lookup(raw)}"
    )


def sorted_impressions(features: Sequence[str]) -> str:
    """SQL for the good impressions in replay order, with the columns of `simulator.log.folders.impression_schema`."""
    listed = "".join(f"shown.{identifier(name)}::INTEGER, " for name in features)
    return f"""
        SELECT impression_id, shown.time, user_id, item_id, {listed}click_id, coalesce(found.click_row, -1),
            coalesce(found.click_time, -1), (-1)::TINYINT, (-1)::TINYINT
        FROM ({good("impressions")}) AS shown LEFT JOIN staging.shown AS found USING (_rid)
        ORDER BY shown.time, impression_id
    """
