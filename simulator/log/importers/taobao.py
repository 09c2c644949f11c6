"""Taobao ``UserBehavior.csv`` (Tianchi data set 649): nine days of page views, carts, favourites and buys, in
seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb

from simulator.log.importers.base import Choices, Importer, Journeys, register
from simulator.log.importers.source import Layout, integer
from simulator.log.importers.touches import TouchFormat, build
from simulator.units import DAY, SECOND

UTC_OFFSET = 8
FIRST_DAY = datetime(2017, 11, 25, tzinfo=UTC) - timedelta(hours=UTC_OFFSET)
"""Midnight in China before the first event; the data set ends nine days later, and a few rows of it are
strays.
"""
_START = int(FIRST_DAY.timestamp()) * SECOND

FORMAT = TouchFormat(
    columns={
        "user_id": integer("user"),
        "item_id": integer("item"),
        "time": f"{SECOND} * ({integer('timestamp', digits=12)})",
        "category": integer("category"),
    },
    kind="behaviour",
    kinds={"pv": "view", "cart": "cart", "fav": "fav", "buy": "pay"},
    span=(_START, _START + 9 * DAY),
    utc_offset=UTC_OFFSET,
    notes=("there are no prices: every pay has amount 1, so GMV counts purchases", "days are local (UTC+8)"),
)


def _build(con: duckdb.DuckDBPyConnection, choices: Choices) -> Journeys:
    return build(con, FORMAT, choices.opens, choices.attribution)


IMPORTER = register(
    Importer(
        format="taobao",
        description="UserBehavior.csv of Taobao (user, item, category, pv/cart/fav/buy, seconds; no header)",
        layout=Layout(("user", "item", "category", "behaviour", "timestamp"), header=False),
        build=_build,
        opens=("view", "cart"),
        attribution=3 * DAY,
    )
)
