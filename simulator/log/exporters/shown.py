"""What was shown, as the files of a training and a test part have it: a line an impression, clicked and bought or not."""

from __future__ import annotations

import duckdb

from simulator.log.exporters.base import Asked
from simulator.log.meta import Meta
from simulator.windows import Windows

PARTS = ("train", "test")


def make_lines(con: duckdb.DuckDBPyConnection, meta: Meta, asked: Asked) -> tuple[str, ...]:
    """Make ``shown`` (line, part, clicked, bought, and the columns of ``impression``); return the parts there are.

    Impressions of the randomised slice are left out. A click counts inside the click window, a pay inside the attribution
    window. The test part begins at ``asked.test_start``, or where the log says that the test file did.
    """
    windows = asked.windows or Windows()
    start = meta.provenance.get("test_start") if asked.test_start is None else asked.test_start
    test = "false" if start is None else f"impression.time >= {int(start)}"
    con.execute(f"""
        CREATE TABLE shown AS
        SELECT row_number() OVER (ORDER BY impression.time, impression_id) AS line,
            CASE WHEN {test} THEN 'test' ELSE 'train' END AS part,
            (click_row >= 0 AND click_time - impression.time <= {windows.longest_click})::INTEGER AS clicked,
            (clicked = 1 AND paid.click_row IS NOT NULL)::INTEGER AS bought, impression.*
        FROM impression LEFT JOIN (
            SELECT DISTINCT event.click_row FROM event JOIN impression ON event.click_row = impression.click_row
            WHERE kind = 'pay' AND event.time - click_time <= {windows.longest_pay}) AS paid USING (click_row)
        WHERE coin < 0
    """)
    return (
        PARTS
        if con.execute("SELECT count(*) FROM shown WHERE part = 'test'").fetchall() != [(0,)]
        else PARTS[:1]
    )


def count_left_out(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Count what such files do not hold."""

    def count(rows: str) -> int:
        [(found,)] = con.execute(f"SELECT count(*) FROM {rows}").fetchall()
        return int(found)

    return {
        "impressions of the randomised slice": count("impression WHERE coin >= 0"),
        "clicks after the click window": count("shown WHERE click_row >= 0 AND clicked = 0"),
        "clicks without an impression": count("click") - count("impression WHERE click_row >= 0"),
        "carts": count("event WHERE kind = 'cart'"),
        "refunds": count("event WHERE kind = 'refund'"),
        "pays after the first of an impression, or outside the windows": count("event WHERE kind = 'pay'")
        - count("shown WHERE bought = 1"),
    }
