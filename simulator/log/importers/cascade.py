"""CASCADE, the log of NetCVR (WWW 2026): clicks with their first pay and first refund, and 22 categorical
features.

It comes as raw shards (Unix seconds, times as lists, features as text) or as the one processed file (seconds from
2025-05-01, -1 for what did not happen, features as ids); both have 25 tab-separated columns and no header, and
are told apart by their content.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb

from simulator.errors import UsageError
from simulator.log.importers import hashing
from simulator.log.importers.base import IMPORTERS, Choices, Importer, Journeys
from simulator.log.importers.cells import (
    MISSING,
    entries,
    first_entry,
    first_fault,
    is_empty_list,
    is_list,
    is_missing,
    reject,
    too_long,
    whole,
)
from simulator.log.importers.journeys import count_late, make_events, recorded_until
from simulator.log.importers.mapping import read_mapping
from simulator.log.importers.source import Layout, has_nul
from simulator.log.sql import identifier, literal
from simulator.units import DAY, SECOND

ORIGIN = datetime(2025, 5, 1, tzinfo=UTC) - timedelta(hours=8)
"""Midnight of the first day in China (UTC+8); processed times count from it."""
ORIGIN_SECONDS = int(ORIGIN.timestamp())

SIZES = (
    8, 327680, 655360, 655360, 8192, 655360, 16, 32, 256, 81920, 163840,
    8, 512, 128, 256, 1024, 128, 16, 8, 8, 16, 16,
)  # fmt: skip
"""Hash buckets of the 22 features (the published processing)."""
FEATURES = tuple(f"f{k}" for k in range(len(SIZES)))
USER, ITEM = 1, 5
"""Features that a model of the published code takes for user and item."""

RECORDED = 15 * DAY
"""How long after a click its pay and its refund were recorded (paper, table 6: the maximum attribution)."""

LAYOUT = Layout(("click_time", "pay_time", "refund_time", *FEATURES), header=False, delimiter="\t")
_UNIX = 1_000_000_000
_TEXT = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_ITEM = rf"(?:{_TEXT}|[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|None|True|False)"
_QUOTES = ("'", '"')
_ESCAPE = r"\\([\\'\"])"
_LIST = rf"\[\s*({_ITEM})(?:\s*,\s*{_ITEM})*\s*,?\s*\]"


def build(con: duckdb.DuckDBPyConnection, choices: Choices) -> Journeys:
    """Make ``clicks`` and ``events`` of either shape; amounts are 1, since the files have none."""
    raw = _is_raw(con)
    if choices.mapping is not None and not raw:
        raise UsageError(f"{choices.mapping}: the processed file has ids already; leave --mapping out")
    skipped = _parse_raw(con, choices) if raw else _parse_processed(con)
    con.execute(reject(LAYOUT.columns))
    features = ", ".join(map(identifier, FEATURES))
    con.execute(
        f"CREATE VIEW clicks AS SELECT line - 1 AS click_id, time, f{USER} AS user_id, f{ITEM} AS item_id, "
        f"{features} FROM parsed WHERE reason IS NULL"
    )
    skipped |= count_late(con, choices.attribution)
    make_events(con, choices.attribution)
    return Journeys(
        origin=ORIGIN_SECONDS * SECOND,
        observed_until=recorded_until(con, RECORDED),
        features=FEATURES,
        skipped={what: count for what, count in skipped.items() if count},
        notes=(
            "there are no amounts: every pay and every refund has amount 1, so GMV counts purchases",
            "days are those of China (UTC+8)",
            f"user and item are features f{USER} and f{ITEM}, as the published code takes them",
        ),
        cardinalities=dict(zip(FEATURES, SIZES, strict=True)),
        read_as="raw shards" if raw else "the processed file",
    )


def _is_raw(con: duckdb.DuckDBPyConnection) -> bool:
    """Tell raw shards by lists in the time columns, or by click times that are Unix seconds."""
    [(lists, unix, rows)] = con.execute(f"""
        SELECT count(*) FILTER (starts_with(trim(pay_time), '[') OR starts_with(trim(refund_time), '[')),
            count(*) FILTER (time >= {_UNIX}), count(time)
        FROM (SELECT *, {whole("click_time")} AS time FROM source LIMIT 10000)
    """).fetchall()
    return bool(lists) or 2 * unix > rows


def _parse_processed(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Make ``parsed`` of integers; -1 and missing values are what did not happen."""
    times = {
        "pay": f"CASE WHEN {is_missing('pay_time')} THEN -1 ELSE {whole('pay_time')} END",
        "refund": f"CASE WHEN {is_missing('refund_time')} THEN -1 ELSE {whole('refund_time')} END",
    }
    faults = {
        has_nul(LAYOUT.columns): "holds a NUL byte",
        "to_click IS NULL": "click time is no number",
        "to_pay IS NULL": "pay time is no number",
        "to_refund IS NULL": "refund time is no number",
        " OR ".join(f"to_{name} IS NULL" for name in FEATURES): "a feature is no id",
    }
    columns = {"click": whole("click_time"), **times} | {name: whole(name) for name in FEATURES}
    _parse(con, columns, faults, 0)
    return {}


def _parse_raw(con: duckdb.DuckDBPyConnection, choices: Choices) -> dict[str, int]:
    """Make ``parsed`` as the published processing does: the first entry of each list counts, text is hashed.

    A bare number where a list belongs counts as nothing there, as published; what is neither is a bad row.
    """
    hashing.install(con)
    columns = {"click": whole("click_time"), "pay": _first("pay_time"), "refund": _first("refund_time")}
    tables = {} if choices.mapping is None else _register(con, choices)
    for name, size in zip(FEATURES, SIZES, strict=True):
        bucket = f"CAST({hashing.FUNCTION}({_value(name)}) % {size} AS BIGINT)"
        columns[name] = f"coalesce({tables[name]}.id, {bucket})" if name in tables else bucket
    joins = " ".join(f"LEFT JOIN {table} ON {table}.value = {_value(name)}" for name, table in tables.items())
    faults = {
        has_nul(LAYOUT.columns): "holds a NUL byte",
        "to_click IS NULL": "click time is no number",
        f"{too_long('pay_time')} OR {too_long('refund_time')}": "a list is too long",
        "to_pay IS NULL": "pay times are no list of numbers",
        "to_refund IS NULL": "refund times are no list of numbers",
    }
    firsts = ", ".join(f"{_list_entry(name)} AS {identifier(f'first {name}')}" for name in FEATURES)
    _parse(con, columns, faults, ORIGIN_SECONDS, f"(SELECT *, {firsts} FROM source) AS source {joins}")
    counts = []
    for column in ("pay_time", "refund_time"):
        listed = is_list(column, seconds=True)
        counts.append(f"sum(CASE WHEN {listed} THEN greatest({entries(column)} - 1, 0) ELSE 0 END)")
        counts.append(f"count(*) FILTER ({whole(column)} IS NOT NULL AND {whole(column)} <> -1)")
    [found] = con.execute(
        f"SELECT {', '.join(counts)} FROM source SEMI JOIN "
        "(SELECT line FROM parsed WHERE reason IS NULL) AS good USING (line)"
    ).fetchall()
    what = [
        told
        for kind in ("pay", "refund")
        for told in (
            f"{kind} times after the first of their list (as published)",
            f"{kind} times that are no list, taken for none (as published)",
        )
    ]
    return {name: int(count or 0) for name, count in zip(what, found, strict=True)}


def _first(column: str) -> str:
    """SQL for the first entry of a list of times; -1 where there is none, null where the cell is no list."""
    return (
        f"CASE WHEN {is_missing(column)} OR {whole(column)} IS NOT NULL OR {is_empty_list(column)} THEN -1 "
        f"WHEN {is_list(column, seconds=True)} THEN {first_entry(column)} END"
    )


def _value(column: str) -> str:
    """SQL for the text that is hashed: the first entry of a list, 'nan' for what is missing, else the cell.

    The column ``first <column>`` must be what `_list_entry` finds.
    """
    cell, entry = f"source.{identifier(column)}", identifier(f"first {column}")
    missing, quotes = (", ".join(map(literal, texts)) for texts in (MISSING, _QUOTES))
    bare = f"regexp_replace({entry}[2:-2], {literal(_ESCAPE)}, '\\1', 'g')"
    return (
        f"CASE WHEN {cell} IS NULL OR {cell} IN ({missing}) THEN 'nan' WHEN {entry} = '' THEN {cell} "
        f"WHEN {entry}[1] IN ({quotes}) THEN {bare} "
        f"WHEN regexp_full_match({entry}, '[^NTF]*[.eE].*') THEN CAST(CAST({entry} AS DOUBLE) AS VARCHAR) "
        f"ELSE {entry} END"
    )


def _list_entry(column: str) -> str:
    """SQL for the first entry of a list, as it is written; '' where the cell is no list."""
    cell = identifier(column)
    return f"CASE WHEN {cell}[1] = '[' THEN regexp_extract({cell}, {literal(f'^{_LIST}$')}, 1) ELSE '' END"


def _register(con: duckdb.DuckDBPyConnection, choices: Choices) -> dict[str, str]:
    """Make a table of each mapped column; its numbers, in their order, are those of the features."""
    assert choices.mapping is not None
    mapping = read_mapping(choices.mapping)
    if len(mapping) != len(FEATURES) or not all(name.isdecimal() for name in mapping):
        raise UsageError(
            f"{choices.mapping}: maps {len(mapping)} columns ({', '.join(mapping)!s:.80}); "
            f"expected the {len(FEATURES)} features by their numbers"
        )
    tables = {}
    for name, number in zip(FEATURES, sorted(mapping, key=int), strict=True):
        con.register(f"given_{name}", mapping[number])
        con.execute(f"CREATE TABLE map_{name} AS SELECT * FROM given_{name}")
        con.unregister(f"given_{name}")
        tables[name] = f"map_{name}"
    return tables


def _parse(
    con: duckdb.DuckDBPyConnection,
    columns: dict[str, str],
    faults: dict[str, str],
    origin: int,
    source: str = "source",
) -> None:
    """Make ``parsed`` (line, time, pay, refund in microseconds, the features, reason)."""
    typed = ", ".join(f"{expression} AS {identifier(f'to_{name}')}" for name, expression in columns.items())
    micros = ", ".join(
        f"CASE WHEN to_{name} <> -1 THEN (to_{name} - {origin}) * {SECOND} END AS {name}"
        for name in ("pay", "refund")
    )
    features = ", ".join(f"to_{name} AS {name}" for name in FEATURES)
    con.execute(
        f"CREATE TABLE parsed AS SELECT line, (to_click - {origin}) * {SECOND} AS time, {micros}, {features}, "
        f"{first_fault(faults)} AS reason FROM (SELECT source.*, {typed} FROM {source})"
    )


IMPORTER = IMPORTERS.register("cascade")(
    Importer(
        format="cascade",
        description="CASCADE of NetCVR: raw *.txt shards (file or directory), or the processed 25-column file",
        layout=LAYOUT,
        build=build,
        opens=("click",),
        attribution=RECORDED,
        shards=True,
        mapped=True,
    )
)
