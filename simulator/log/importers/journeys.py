"""Journeys of formats whose row is a click with the times of at most one pay and one refund."""

from __future__ import annotations

import duckdb

from simulator.log.intake.spans import main_span
from simulator.units import format_duration


def make_events(con: duckdb.DuckDBPyConnection, attribution: int) -> None:
    """Make ``events`` of ``parsed`` (line, time, pay, refund, reason); every amount is 1.

    A pay more than ``attribution`` microseconds after its click is left out, and its refund with it.
    """
    con.execute(f"""
        CREATE TABLE events AS
        SELECT row_number() OVER (ORDER BY time, rank, line) - 1 AS event_id, line - 1 AS click_id, time,
            CASE rank WHEN 2 THEN 'pay' ELSE 'refund' END AS kind, 1.0 AS amount
        FROM (SELECT line, pay AS time, 2 AS rank FROM parsed
              WHERE reason IS NULL AND pay - time <= {attribution}
              UNION ALL
              SELECT line, refund, 3 FROM parsed
              WHERE reason IS NULL AND refund IS NOT NULL AND (pay IS NULL OR pay - time <= {attribution}))
    """)


def recorded_until(con: duckdb.DuckDBPyConnection, recorded: int) -> int | None:
    """Return until when a file was recorded by its protocol: for ``recorded`` microseconds after the last click of ``parsed``.

    So long each click was watched before the file was made; that no event is as late does not say otherwise.
    """
    span = main_span(con, "parsed", "reason IS NULL")
    return None if span is None else span.last + recorded


def count_late(con: duckdb.DuckDBPyConnection, attribution: int) -> dict[str, int]:
    """Count the pays that `make_events` leaves out, and their refunds."""
    [(pays, refunds)] = con.execute(f"""
        SELECT count(*), count(refund) FROM parsed WHERE reason IS NULL AND pay - time > {attribution}
    """).fetchall()
    window = format_duration(attribution)
    return {f"pays more than {window} after their click": pays, "refunds of such pays": refunds}
