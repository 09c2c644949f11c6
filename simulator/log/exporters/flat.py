"""One flat Parquet file: the clicks with their final labels."""

from __future__ import annotations

import duckdb

from simulator.errors import UsageError
from simulator.log.exporters.base import EXPORTERS, Asked, Exporter, Written, chosen_features, column
from simulator.log.meta import Meta
from simulator.log.schema import Feature
from simulator.log.sql import identifier
from simulator.windows import Windows

_FLAT = """
WITH pay AS (
    SELECT click_id, min(event.time) AS first_pay, count(*) AS pays,
        sum(amount ORDER BY event.time, event_id) AS paid, any_value(click.time) AS clicked
    FROM event JOIN click USING (click_id)
    WHERE kind = 'pay' AND event.time - click.time BETWEEN 0 AND {attribution}
        AND {known} - click.time <= {lifetime} GROUP BY click_id),
refund AS (
    SELECT click_id, min(time) AS first_refund, sum(amount ORDER BY time, event_id) AS returned
    FROM event JOIN pay USING (click_id)
    WHERE kind = 'refund' AND time - first_pay BETWEEN 0 AND {refund} AND {known} - clicked <= {lifetime}
    GROUP BY click_id)
SELECT {columns},
    pays IS NOT NULL AS converted,
    returned IS NOT NULL AS refunded,
    coalesce(paid, 0.0) AS gmv,
    coalesce(returned, 0.0) AS refund_amount,
    CAST(coalesce(pays, 0) AS INTEGER) AS pay_count,
    first_pay,
    first_refund,
    click.time + {lifetime} <= {until} AS final
FROM click LEFT JOIN pay USING (click_id) LEFT JOIN refund USING (click_id)
ORDER BY click.time, click_id
"""
_LABELS = (
    "converted", "refunded", "gmv", "refund_amount", "pay_count", "first_pay", "first_refund", "final",
)  # fmt: skip


def write(_: duckdb.DuckDBPyConnection, meta: Meta, asked: Asked) -> Written:
    """Make the query: columns of the clicks, then the labels and whether all windows closed in the log.

    ``first_pay`` and ``first_refund`` are microseconds from the origin, null where there is none.
    """
    windows = asked.windows or Windows()
    features = chosen_features(meta, asked.features)
    if taken := [f.name for f in features if f.name.lower() in _LABELS]:
        raise UsageError(
            f"parquet: a feature is named {taken[0]!r} like a label; leave it out with --features"
        )
    columns = ", ".join(
        [f"click.{name}" for name in ("click_id", "time", "user_id", "item_id")] + [*map(_value, features)]
    )
    query = _FLAT.format(
        columns=columns,
        attribution=windows.longest_pay,
        refund=windows.longest_refund,
        lifetime=windows.lifetime,
        known="event.arrival_time" if meta.arrivals else "event.time",
        until=meta.observed_until,
    )
    return Written(query)


def _value(feature: Feature) -> str:
    """SQL for a feature: its column, or the list of its tags."""
    if not feature.tags:
        return column(feature.name)
    tags = ", ".join(map(column, feature.columns))
    return f"[tag FOR tag IN [{tags}] IF tag >= 0] AS {identifier(feature.name)}"


EXPORTER = EXPORTERS.register("parquet")(
    Exporter(
        format="parquet",
        description="one flat Parquet file: clicks with their final labels",
        file="clicks.parquet",
        suffixes=(".parquet",),
        write=write,
        text=False,
    )
)
