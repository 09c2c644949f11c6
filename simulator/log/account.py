"""The account of a log: what was read and what became of it, said the same way wherever it is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from simulator.errors import UsageError
from simulator.log import reasons
from simulator.log.meta import Aside, Meta

LONGEST = 300
"""Characters of an example that are kept."""

MENDS = {
    reasons.NULL: 'give the column a value, or map the kind of row that has none there to "ignore"',
    reasons.UNKNOWN_KIND: 'say by [data.columns] kinds what each value means; "ignore" leaves rows out',
    reasons.BAD_AMOUNT: "amounts must be numbers; [data.columns] amount names their column",
    reasons.UNKNOWN_CLICK: "events and clicks must name clicks alike: look at click_id and event_click_id",
    reasons.BEFORE_CLICK: "look at time_unit and time_zone of both files: events may be of another clock than clicks",
    reasons.STRAY: "a clock was wrong, or time_unit is",
    reasons.OUTSIDE: "ids must lie inside the cardinality that is published",
    reasons.DUPLICATE_CLICK: "click_id must tell clicks of one instant apart",
    reasons.SHARED_ID: "if rows are lines of an order, leave event_id out: then every row is an event",
    reasons.AFTER_CLICK: "look at time_unit and time_zone of both files: impressions may be of another clock than clicks",
    reasons.SHARED_CLICK: "a click belongs to one impression; the last one before it keeps it",
    reasons.DUPLICATE_IMPRESSION: "impression_id must tell impressions apart",
    reasons.UNPAID_REFUND: "look at kinds: a refund must follow a pay of its click",
    reasons.CLICK_QUARANTINED: "mend what puts their clicks aside",
}


def put_aside(con: duckdb.DuckDBPyConnection) -> list[Aside]:
    """Count ``staging.quarantine`` by class, table, reason and column, the largest first."""
    rows = con.execute(
        'SELECT class, source, reason, "column", count(*), arg_min(row, (_rid, row)) FROM staging.quarantine '
        "GROUP BY ALL ORDER BY 1, 5 DESC, 2, 3, 4"
    ).fetchall()
    return [
        Aside(kind, table, reason, column, int(count), str(row or "")[:LONGEST])
        for kind, table, reason, column, count, row in rows
    ]


def check_most_bad(con: duckdb.DuckDBPyConnection, name: str, aside: Sequence[Aside], most: float) -> None:
    """Refuse a log of which too much is bad.

    Raises
    ------
    UsageError : more than ``most`` of the clicks, or of the events, are bad, or all rows of a kind.
    """
    if most >= 1:
        return
    good = {"clicks": "SELECT count(*) FROM staging.sorted_clicks", "events": _GOOD_EVENTS}
    if any(part.table == "impressions" for part in aside):
        good["impressions"] = (
            "SELECT (SELECT count(*) FROM staging.impressions) - (SELECT count(*) FROM staging.bad_impressions)"
        )
    sizes = {table: int(con.execute(query).fetchall()[0][0]) for table, query in good.items()}
    sizes["both"] = (
        sizes["clicks"] + sizes["events"] + sum(part.rows for part in aside if part.kind != reasons.BAD)
    )
    faults = []
    for table in dict.fromkeys(part.table for part in aside if part.kind == reasons.BAD):
        parts = [part for part in aside if part.table == table and part.kind == reasons.BAD]
        bad = sum(part.rows for part in parts)
        total = bad + sizes.get(table, sizes["both"])
        if bad > most * total:
            faults.append(
                f"{name}: {bad:,} of {total:,} {_called(table)} would be put aside\n{_listed(con, parts)}"
            )
    if not faults:
        faults = _kinds_lost(con, name, aside)
    if faults:
        limit = f"allowed: {most:.0%} ([data] most_bad; 1 lets all pass)"
        raise UsageError("\n".join(faults) + f"\n{limit}")


_GOOD_EVENTS = (
    "SELECT count(*) FROM staging.joined ANTI JOIN staging.bad_events AS bad ON joined._rid = bad._rid"
)


def _called(table: str) -> str:
    return table if table in ("clicks", "events", "impressions") else f"rows of {table}"


def _listed(con: duckdb.DuckDBPyConnection, parts: Sequence[Aside]) -> str:
    lines = []
    for part in parts[:4]:
        mend = MENDS.get(part.reason)
        lines.append(
            f"  {part.rows:,}: {part.told}, such as {part.example}" + (f"\n    {mend}" if mend else "")
        )
        if part.reason == reasons.UNKNOWN_KIND:
            lines.append(f"    values met: {_values(con)}")
    return "\n".join(lines)


def _values(con: duckdb.DuckDBPyConnection) -> str:
    rows = con.execute(
        "SELECT kind, count(*) FROM staging.quarantine WHERE reason = $1 GROUP BY kind ORDER BY 2 DESC, 1 LIMIT 20",
        [reasons.UNKNOWN_KIND],
    ).fetchall()
    return ", ".join(f"{str(kind).removeprefix('(').removesuffix(')')!r} ({count:,})" for kind, count in rows)


def _kinds_lost(con: duckdb.DuckDBPyConnection, name: str, aside: Sequence[Aside]) -> list[str]:
    """Name the kinds of which nothing is left though the log has them."""
    good = {
        row[0]
        for row in con.execute(
            "SELECT DISTINCT kind FROM staging.joined ANTI JOIN staging.bad_events AS bad ON joined._rid = bad._rid"
        ).fetchall()
    }
    rows = con.execute(
        "SELECT kind, count(*) FROM staging.quarantine WHERE class = 'bad' AND kind IN ('cart', 'pay', 'refund') "
        "GROUP BY kind ORDER BY kind"
    ).fetchall()
    parts = [part for part in aside if part.table == "events" and part.kind == reasons.BAD]
    return [
        f"{name}: all {count:,} events of kind {kind!r} would be put aside\n{_listed(con, parts)}"
        for kind, count in rows
        if kind not in good
    ]


def account(meta: Meta) -> list[tuple[int, str, str]]:
    """Return the account of a log as rows (count, what, example): what is kept, then what is not, by class."""
    rows = [(meta.clicks, "clicks", ""), (meta.events, "events", "")]
    if meta.impressions:
        rows.insert(0, (meta.impressions, "impressions", ""))
    rows += [
        (part.rows, f"{_WORDS[part.kind]}: {_where(part)}{part.told}", part.example)
        for part in _ordered(meta.aside)
    ]
    rows += [(count, f"left out: {what}", "") for what, count in sorted(meta.ignored.items())]
    return rows


def told(meta: Meta, where: Path) -> dict[str, Any]:
    """Return the account of a log as a summary holds it."""
    return {
        "log": meta.name,
        "where": where.name if where.is_absolute() else str(where),
        "rows": [{"rows": count, "what": what, "example": example} for count, what, example in account(meta)],
        "notes": list(meta.notes),
        "time_zone": meta.time_zone,
    }


_WORDS = {
    reasons.BAD: "put aside",
    reasons.REPEATED: "repeated",
    reasons.UNATTRIBUTED: "unattributed",
    reasons.BY_RULE: "by rule",
}


def _where(part: Aside) -> str:
    return "" if part.kind == reasons.UNATTRIBUTED else f"{part.table}, "


def _ordered(aside: Sequence[Aside]) -> list[Aside]:
    order = list(_WORDS)
    return sorted(
        aside, key=lambda part: (order.index(part.kind), -part.rows, part.table, part.reason, part.column)
    )
