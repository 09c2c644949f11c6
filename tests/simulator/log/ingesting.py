"""Clicks and events as rows, put through the ingest."""

import pyarrow as pa

from simulator.log.ingest import ingest
from simulator.log.sql import workspace

from .logs import ORIGIN

CLICK = pa.schema([(name, pa.int64()) for name in ("click_id", "time", "user_id", "item_id", "a", "b")])
EVENT = pa.schema(
    [
        ("event_id", pa.int64()),
        ("click_id", pa.int64()),
        ("time", pa.int64()),
        ("kind", pa.string()),
        ("amount", pa.float64()),
    ]
)
SIZES = {"a": 5, "b": 6}


def run(out, clicks, events, *, extra=(), **settings):
    with workspace(out) as con:
        con.register(
            "c", pa.Table.from_pylist([dict(zip(CLICK.names, row, strict=True)) for row in clicks], CLICK)
        )
        con.register(
            "e", pa.Table.from_pylist([dict(zip(EVENT.names, row, strict=True)) for row in events], EVENT)
        )
        con.register(
            "x",
            pa.table(
                {
                    "source": pa.array(["source" for _ in extra], pa.string()),
                    "row": pa.array([r for r, _ in extra], pa.string()),
                    "reason": pa.array([w for _, w in extra], pa.string()),
                    "col": pa.array(["" for _ in extra], pa.string()),
                    "class": pa.array(["bad" for _ in extra], pa.string()),
                }
            ),
        )
        options = {
            "features": ["a", "b"],
            "cardinalities": SIZES,
            "name": "t",
            "origin": ORIGIN,
            "provenance": {},
        }
        return ingest(con, clicks="c", events="e", out=out, extra_quarantine="x", **(options | settings))


CLICKS = [(1, 10, 0, 0, 0, 0), (2, 20, 0, 0, 0, 0)]
