"""Logs of views, carts and purchases: which view (or cart) a later event belongs to, and what was known at
the click.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from simulator.log.importers.base import Journeys
from simulator.log.sql import identifier, literal
from simulator.units import DAY, HOUR, format_duration

_KIND_RANK = "CASE kind WHEN 'cart' THEN 1 ELSE 2 END"


@dataclass(frozen=True, slots=True)
class TouchFormat:
    """How to read the touches of one format, as SQL over the text columns of ``source``.

    Parameters
    ----------
    columns : ``user_id``, ``item_id`` and ``time`` (microseconds from 1970), and further categorical columns.
    kind : column of the behaviour; ``kinds`` maps its values to view, cart, pay or a kind that the model does
        not use.
    span : first and last instant of the data set (microseconds from 1970, half-open), if it states them.
    utc_offset : of the local day, in hours.
    """

    columns: Mapping[str, str]
    kind: str
    kinds: Mapping[str, str]
    span: tuple[int, int] | None = None
    utc_offset: int = 0
    notes: tuple[str, ...] = ()

    @property
    def categories(self) -> tuple[str, ...]:
        """The categorical columns beside user and item."""
        return tuple(name for name in self.columns if name not in {"user_id", "item_id", "time"})


def build(con: duckdb.DuckDBPyConnection, form: TouchFormat, opens: str, attribution: int) -> Journeys:
    """Make ``clicks`` and ``events`` by last touch: an event belongs to the latest opener of its user and
    item.

    The opener is at or before the event, and at most ``attribution`` microseconds before.
    """
    _parse(con, form)
    [(first, last)] = con.execute("SELECT min(time), max(time) FROM touches").fetchall()
    if first is None:
        first = last = 0
    local = form.utc_offset * HOUR
    origin = (first + local) // DAY * DAY - local
    counters = _open(con, form, opens, origin)
    _attach(con, opens, attribution, origin)
    used = {"pay", opens} | ({"cart"} if opens == "view" else set())
    kinds = con.execute("SELECT kind, count(*) FROM touches GROUP BY kind ORDER BY kind").fetchall()
    return Journeys(
        origin=origin,
        observed_until=last - origin,
        features=("user", "item", *form.categories, *counters),
        skipped={kind: count for kind, count in kinds if kind not in used},
        notes=form.notes,
    )


def _parse(con: duckdb.DuckDBPyConnection, form: TouchFormat) -> None:
    names = ", ".join(map(identifier, form.columns))
    typed = ", ".join(f"{expression} AS {identifier(name)}" for name, expression in form.columns.items())
    kinds = " ".join(f"WHEN {literal(value)} THEN {literal(kind)}" for value, kind in form.kinds.items())
    unreadable = " OR ".join(f"{identifier(name)} IS NULL" for name in form.columns)
    outside = "false" if form.span is None else f"time < {form.span[0]} OR time >= {form.span[1]}"
    con.execute(f"""
        CREATE TABLE parsed AS SELECT *, CASE
            WHEN {unreadable} THEN 'a number cannot be read'
            WHEN kind IS NULL THEN 'unknown behaviour'
            WHEN {outside} THEN 'time outside the days of the data set' END AS reason
        FROM (SELECT {typed}, CASE trim({identifier(form.kind)}) {kinds} END AS kind,
                CAST(source AS VARCHAR) AS source_row FROM source)
    """)
    con.execute("INSERT INTO rejected SELECT source_row, reason FROM parsed WHERE reason IS NOT NULL")
    con.execute(f"CREATE TABLE touches AS SELECT {names}, kind FROM parsed WHERE reason IS NULL")
    con.execute("DROP TABLE parsed")


def log_bucket(count: str) -> str:
    """SQL for a count in buckets 0, 1, 2-3, 4-7, ..."""
    return f"CASE WHEN {count} = 0 THEN 0 ELSE 1 + CAST(floor(log2({count})) AS INTEGER) END"


def _open(con: duckdb.DuckDBPyConnection, form: TouchFormat, opens: str, origin: int) -> tuple[str, ...]:
    """Make ``clicks``: the openers, with what had happened strictly before their instant; return the
    counters' names.

    With carts as openers, views are not counted: some public samples hold the views of bought pairs only.
    """
    kinds = ("cart", "pay") if opens == "cart" else ("view", "cart", "pay")
    counted = {f"user_{kind}s": ("user_id", kind) for kind in kinds}
    counted |= {f"item_{opens}s": ("item_id", opens), "item_pays": ("item_id", "pay")}
    counters = "".join(
        f", count(*) FILTER (WHERE kind = '{kind}') OVER by_{owner} AS {name}"
        for name, (owner, kind) in counted.items()
    )
    before = "ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    con.execute(f"""
        CREATE TABLE openers AS SELECT * FROM (SELECT *{counters} FROM touches
            WINDOW by_user_id AS (PARTITION BY user_id {before}),
                by_item_id AS (PARTITION BY item_id {before}))
        WHERE kind = '{opens}'
    """)
    categories = form.categories
    dense = {"user": "user_id", "item": "item_id", **{name: name for name in categories}}
    ids = ", ".join(
        f"dense_rank() OVER (ORDER BY {identifier(c)}) - 1 AS {identifier(n)}" for n, c in dense.items()
    )
    buckets = ", ".join(f"{log_bucket(name)} AS {name}" for name in counted)
    order = ", ".join(["time", "user_id", "item_id", *map(identifier, categories)])
    con.execute(f"""
        CREATE TABLE clicks AS SELECT row_number() OVER (ORDER BY {order}) - 1 AS click_id,
            time - {origin} AS time, user_id, item_id, {ids}, {buckets} FROM openers
    """)
    con.execute("DROP TABLE openers")
    return tuple(counted)


def _attach(con: duckdb.DuckDBPyConnection, opens: str, attribution: int, origin: int) -> None:
    """Make ``events`` of the touches that have an opener, and reject the others."""
    followers = "('pay')" if opens == "cart" else "('cart', 'pay')"
    con.execute(f"""
        CREATE TABLE attached AS SELECT touch.*, opener.click_id, opener.time AS opened
        FROM (SELECT user_id, item_id, time - {origin} AS time, kind FROM touches
              WHERE kind IN {followers}) AS touch
        ASOF LEFT JOIN (SELECT user_id, item_id, time, max(click_id) AS click_id FROM clicks
              GROUP BY user_id, item_id, time) AS opener
        ON touch.user_id = opener.user_id AND touch.item_id = opener.item_id AND touch.time >= opener.time
    """)
    con.execute(f"""
        CREATE TABLE events AS
        SELECT row_number() OVER (ORDER BY time, {_KIND_RANK}, user_id, item_id) - 1 AS event_id,
            click_id, time, kind, CASE kind WHEN 'pay' THEN 1.0 ELSE 0.0 END AS amount
        FROM attached WHERE time - opened <= {attribution}
    """)
    none = literal(f": no {opens} of the item by this user at or before it")
    late = literal(f": its latest {opens} is more than {format_duration(attribution)} before it")
    row = "struct_pack(kind := kind, user_id := user_id, item_id := item_id, time := time)"
    con.execute(f"""
        INSERT INTO rejected SELECT CAST({row} AS VARCHAR),
            kind || CASE WHEN opened IS NULL THEN {none} ELSE {late} END
        FROM attached WHERE opened IS NULL OR time - opened > {attribution}
    """)
