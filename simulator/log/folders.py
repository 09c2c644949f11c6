"""The columns of a log's folders, as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from simulator.log.dayfiles import DayFiles

EVENT_SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.int64(), nullable=False),
        pa.field("click_id", pa.int64(), nullable=False),
        pa.field("time", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("amount", pa.float64(), nullable=False),
        pa.field("click_row", pa.int64(), nullable=False),
    ]
)
"""Schema of ``events/``; ``click_row`` is the position of the click in replay order, so that replay needs no
join.
"""


def event_schema(*, arrivals: bool) -> pa.Schema:
    """Return the schema of ``events/``, with ``arrival_time`` where events became known later than they happened."""
    return (
        EVENT_SCHEMA.append(pa.field("arrival_time", pa.int64(), nullable=False))
        if arrivals
        else EVENT_SCHEMA
    )


def event_files(root: Path, *, arrivals: bool) -> DayFiles:
    """Return the files of ``events/``, sorted by when events became known."""
    schema = event_schema(arrivals=arrivals)
    return DayFiles(root, schema, {"events": schema.names}, "arrival_time" if arrivals else "time")


def click_schema(columns: Sequence[str]) -> pa.Schema:
    """Return the schema of ``clicks/`` with these columns of features (`simulator.log.schema.column_names`)."""
    ids = [pa.field(name, pa.int64(), nullable=False) for name in ("click_id", "time", "user_id", "item_id")]
    return pa.schema([*ids, *(pa.field(name, pa.int32(), nullable=False) for name in columns)])


def impression_schema(columns: Sequence[str]) -> pa.Schema:
    """Return the schema of ``impressions/`` with these columns of features (`simulator.log.schema.column_names`).

    ``click_id`` is null where nobody clicked, as in the randomised slice, whose rows have no journey among the clicks;
    ``click_row`` and ``click_time`` are -1 there.
    """
    first, after = ("impression_id", "time", "user_id", "item_id"), ("click_row", "click_time")
    return pa.schema(
        [
            *(pa.field(name, pa.int64(), nullable=False) for name in first),
            *(pa.field(name, pa.int32(), nullable=False) for name in columns),
            pa.field("click_id", pa.int64()),
            *(pa.field(name, pa.int64(), nullable=False) for name in after),
            *(pa.field(name, pa.int8(), nullable=False) for name in ("coin", "paid")),
        ]
    )
