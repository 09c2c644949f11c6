"""The 19 columns of Criteo's conversion logs: click, conversion, 8 integers, 9 categories."""

from __future__ import annotations

import duckdb

from simulator.log.exporters.base import EXPORTERS, TEXT, Asked, Exporter, Written, chosen, column
from simulator.log.exporters.journeys import count_fractions, count_left_out, count_young, make_journeys
from simulator.log.exporters.placement import as_one, named, place
from simulator.log.importers.criteo import BINS, CATEGORIES, FEATURES, INTEGERS, RECORDED, binned
from simulator.log.meta import Meta
from simulator.units import SECOND

_ANY = 2**31
_ORDER = (*range(len(BINS), len(FEATURES)), *sorted(range(len(BINS)), key=lambda k: (BINS[k], k)))
"""Features of other logs are categories: those columns are filled first."""


def write(con: duckdb.DuckDBPyConnection, meta: Meta, asked: Asked) -> Written:
    """Make the query of the file, with the features in the form that the published processing leaves.

    It numbers categories as they first appear and spreads integers over all bins; what is written is numbered and
    spread already (each id still has its own), so that reading and writing once more changes nothing.
    """
    capacities = [*(bins + 1 for bins in BINS), *[_ANY] * len(CATEGORIES)]
    sizes = chosen(meta, asked.features)
    placed = place(sizes, capacities, form="criteo", order=_ORDER, shared=_ORDER[: len(CATEGORIES)])
    make_journeys(con, asked.windows)
    values, joins = [], []
    for name, held in zip(FEATURES, placed, strict=True):
        value = as_one(held, sizes, column)
        if not held:
            values.append(f"0 AS {name}")
        elif name in INTEGERS:
            values.append(f"{_spread(con, value, BINS[INTEGERS.index(name)])} AS {name}")
        else:
            con.execute(
                f"CREATE TABLE label_{name} AS SELECT value, row_number() OVER (ORDER BY line) - 1 AS label FROM "
                f"(SELECT {value} AS value, min(line) AS line FROM click JOIN line USING (click_id) "
                "GROUP BY value)"
            )
            joins.append(f"JOIN label_{name} ON label_{name}.value = {value}")
            values.append(f"label_{name}.label AS {name}")
    query = (
        f"SELECT clicked // {SECOND} AS click, pay.second AS conversion, {', '.join(values)} "
        "FROM line JOIN click USING (click_id) "
        f"LEFT JOIN pay ON pay.click_id = line.click_id AND pay.ordinal = 1 {' '.join(joins)} ORDER BY line"
    )
    left_out = count_left_out(con, refunds=False, repurchases=False)
    left_out |= count_fractions(con, refunds=False, repurchases=False)
    left_out |= count_young(con, meta, asked.windows, RECORDED)
    return Written(query, left_out, named(FEATURES, placed, sizes))


def _spread(con: duckdb.DuckDBPyConnection, value: str, bins: int) -> str:
    """SQL for an integer column: the bin of an id, or null for the id that stands for a missing value."""
    known = f"nullif({value}, {bins})"
    [(least, largest)] = con.execute(f"SELECT min({known}), max({known}) FROM click").fetchall()
    return f"nullif({binned(known, bins, least, largest)}, {bins})"


EXPORTER = EXPORTERS.register("criteo")(
    Exporter(
        format="criteo",
        description="Criteo: 19 columns (click, conversion, 8 integers, 9 categories)",
        file="criteo.txt",
        suffixes=TEXT,
        write=write,
    )
)
