"""RetailRocket ``events.csv``: views, carts and transactions of one shop, 2015, in milliseconds."""

from __future__ import annotations

import duckdb

from simulator.log.importers.base import Choices, Importer, Journeys, register
from simulator.log.importers.source import Layout, integer
from simulator.log.importers.touches import TouchFormat, build
from simulator.units import DAY

FORMAT = TouchFormat(
    columns={
        "user_id": integer("visitorid"),
        "item_id": integer("itemid"),
        "time": f"1000 * ({integer('timestamp', digits=15)})",
    },
    kind="event",
    kinds={"view": "view", "addtocart": "cart", "transaction": "pay"},
    notes=("there are no prices: every pay has amount 1, so GMV counts purchases", "days are UTC"),
)


def _build(con: duckdb.DuckDBPyConnection, choices: Choices) -> Journeys:
    return build(con, FORMAT, choices.opens, choices.attribution)


IMPORTER = register(
    Importer(
        format="retailrocket",
        description="RetailRocket events.csv (timestamp in ms, visitorid, event, itemid, transactionid)",
        layout=Layout(("timestamp", "visitorid", "event", "itemid", "transactionid"), header=True),
        build=_build,
        opens=("view", "cart"),
        attribution=3 * DAY,
    )
)
