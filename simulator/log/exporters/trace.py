"""TRACE's text file: one line a click that paid, its pays as lists, 22 features; with a header."""

from __future__ import annotations

import duckdb

from simulator.log.exporters.base import EXPORTERS, TEXT, Asked, Exporter, Written, chosen, column
from simulator.log.exporters.journeys import count_fractions, count_left_out, count_young, make_journeys
from simulator.log.exporters.placement import as_one, named, place
from simulator.log.importers.cells import LONGEST
from simulator.log.importers.trace import FEATURES, ITEM, SIZES, USER, WINDOW
from simulator.log.meta import Meta
from simulator.units import DAY, SECOND
from simulator.windows import Windows


def write(con: duckdb.DuckDBPyConnection, meta: Meta, asked: Asked) -> Written:
    """Make the query of the file: pays inside the attribution window (default seven days, the data set's own)."""
    sizes = chosen(meta, asked.features)
    placed = place(sizes, SIZES, form="trace", preferred={"user": USER, "item": ITEM})
    make_journeys(con, asked.windows or Windows(attribution=WINDOW, refund=DAY))
    con.execute(f"DELETE FROM pay WHERE ordinal > {LONGEST}")  # counted below, like those outside the window
    con.execute("DELETE FROM line WHERE click_id NOT IN (SELECT click_id FROM pay)")
    con.execute("""
        CREATE TABLE paid AS SELECT click_id, list(second ORDER BY ordinal) AS seconds,
            list(amount ORDER BY ordinal) AS amounts, list(ordinal ORDER BY ordinal) AS ordinals, count(*) AS pays
        FROM pay GROUP BY click_id
    """)
    values = ", ".join(
        f"{as_one(held, sizes, column)} AS {name}" for name, held in zip(FEATURES, placed, strict=True)
    )
    query = (
        f"SELECT clicked // {SECOND} AS click_time, {_text('seconds')} AS pay_time, {_text('amounts')} AS dirpay_amt, "
        f"{_text('ordinals')} AS count, pays AS total_counts, CAST(pays > 1 AS INTEGER) AS multi_tag, "
        f"{_text('list_prepend(0.0::DOUBLE, amounts[1:pays - 1])')} AS prev_dirpay_amt, "
        f"{_text('list_prepend(0::BIGINT, seconds[1:pays - 1])')} AS prev_pay_time, {values} "
        "FROM line JOIN click USING (click_id) JOIN paid USING (click_id) ORDER BY line"
    )
    left_out = count_left_out(con, refunds=False, repurchases=True)
    left_out |= count_fractions(con, refunds=False, repurchases=True)
    left_out |= count_young(con, meta, asked.windows, WINDOW)
    [(silent,)] = con.execute("SELECT (SELECT count(*) FROM click) - (SELECT count(*) FROM line)").fetchall()
    left_out = {"clicks without a pay in the window": silent, **left_out}
    return Written(query, left_out, named(FEATURES, placed, sizes))


def _text(values: str) -> str:
    return f"CAST({values} AS VARCHAR)"


EXPORTER = EXPORTERS.register("trace")(
    Exporter(
        format="trace",
        description="TRACE: one line a click that paid, pays and amounts as lists, 22 features",
        file="trace.txt",
        suffixes=TEXT,
        write=write,
        header=True,
    )
)
