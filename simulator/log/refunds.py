"""What of a refund counts: no more than what was paid and is not refunded yet, found for all journeys at once."""

from __future__ import annotations

import duckdb

from simulator.log.reasons import (
    BELOW_SHARE,
    NO_REFUND,
    NOTHING_LEFT,
    ROUNDING,
    UNPAID_REFUND,
    Rules,
)
from simulator.log.sql import kind_rank, literal


def settle_refunds(con: duckdb.DuckDBPyConnection, rules: Rules) -> int:
    """Fill ``staging.refunded`` (_rid, amount that counts) and mark refunds that count nothing as bad events; return how
    many were cut to what was left.

    The balance of a journey is what its pays inside the attribution window sum up to less what was refunded, and never
    below zero: a walk reflected at zero, whose value is the plain sum less its least value so far (Skorokhod). So
    no row has to wait for the one before it.
    """
    inside = "true" if rules.attribution is None else f"time - clicked <= {rules.attribution}"
    order = f"PARTITION BY click_row ORDER BY time, {kind_rank('kind')}, event_id"
    con.execute(f"""
        CREATE TABLE staging.balance AS
        SELECT _rid, click_row, kind, time, event_id, amount, pays, paid,
            coalesce(lag(sum - least(0, lowest)) OVER ({order}), 0) AS before
        FROM (SELECT *, min(sum) OVER ({order} ROWS UNBOUNDED PRECEDING) AS lowest FROM (
            SELECT _rid, click_row, kind, time, event_id, amount,
                count(*) FILTER (kind = 'pay') OVER ({order} ROWS UNBOUNDED PRECEDING) AS pays,
                coalesce(sum(amount) FILTER (kind = 'pay' AND {inside}) OVER ({order} ROWS UNBOUNDED PRECEDING), 0) AS paid,
                sum(CASE WHEN kind = 'refund' THEN -amount WHEN {inside} THEN amount ELSE 0 END)
                    OVER ({order} ROWS UNBOUNDED PRECEDING) AS sum
            FROM staging.joined
            SEMI JOIN (SELECT click_row FROM staging.joined WHERE reason IS NULL AND kind = 'refund') AS refunded
            USING (click_row)
            WHERE reason IS NULL AND kind IN ('pay', 'refund')))
    """)
    slack = f"{ROUNDING} * paid"
    con.execute(f"""
        CREATE TABLE staging.refunded AS
        SELECT _rid, click_row, time, event_id, paid,
            CASE WHEN amount >= before - {slack} THEN before ELSE amount END AS amount,
            amount > before + {slack} AS cut,
            CASE WHEN pays = 0 THEN {literal(UNPAID_REFUND)} WHEN amount = 0 THEN {literal(NO_REFUND)}
                WHEN before <= {slack} THEN {literal(NOTHING_LEFT)} END AS reason
        FROM staging.balance WHERE kind = 'refund'
    """)
    con.execute("DROP TABLE staging.balance")
    if rules.refunded_share:
        _gather_shares(con, rules.refunded_share)
    con.execute(
        "INSERT INTO staging.bad_events SELECT _rid, reason, '' FROM staging.refunded WHERE reason IS NOT NULL"
    )
    con.execute("DELETE FROM staging.refunded WHERE reason IS NOT NULL")
    [(cut,)] = con.execute("SELECT count(*) FILTER (cut) FROM staging.refunded").fetchall()
    return int(cut)


def _gather_shares(con: duckdb.DuckDBPyConnection, share: float) -> None:
    """Let the refund that reaches the share carry what came before it; those before it, or without one, do not count."""
    order = "PARTITION BY click_row ORDER BY time, event_id"
    con.execute(f"""
        CREATE TABLE staging.shared AS
        SELECT _rid, sum, reached, reached AND NOT coalesce(lag(reached) OVER ({order}), false) AS first FROM (
            SELECT *, sum >= ({share} - {ROUNDING}) * paid AS reached FROM (
                SELECT _rid, click_row, time, event_id, paid, sum(amount) OVER ({order} ROWS UNBOUNDED PRECEDING) AS sum
                FROM staging.refunded WHERE reason IS NULL))
    """)
    con.execute(
        f"UPDATE staging.refunded SET reason = {literal(BELOW_SHARE)} FROM staging.shared AS shared "
        "WHERE refunded._rid = shared._rid AND NOT shared.reached"
    )
    con.execute(
        "UPDATE staging.refunded SET amount = shared.sum FROM staging.shared AS shared "
        "WHERE refunded._rid = shared._rid AND shared.first"
    )
    con.execute("DROP TABLE staging.shared")
