"""TRACE, the log of READER (WWW 2026): clicks that paid, with all their pays as lists, and 22 categorical features.

The text file has a header and is tab-separated. Nine columns go by name; the other 22 are the features, in their
order. The encrypted file has text there, which ``feature_mapping.pkl`` turns into ids.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from simulator.errors import UsageError, nearest
from simulator.log.importers.base import IMPORTERS, Choices, Importer, Journeys
from simulator.log.importers.cells import (
    LONGEST,
    entries,
    first_fault,
    is_empty_list,
    is_list,
    is_missing,
    numbers,
    reject,
    too_long,
    trimmed,
    whole,
)
from simulator.log.importers.journeys import recorded_until
from simulator.log.importers.mapping import read_mapping
from simulator.log.importers.source import Layout, has_nul
from simulator.log.sql import identifier
from simulator.units import DAY, SECOND, format_duration

SIZES = (
    5, 3604778, 1951876, 432750, 14, 19, 2638598, 1962400, 11123, 397159, 578622,
    3, 622, 107, 8009, 30685, 104, 10, 3, 2, 9, 7,
)  # fmt: skip
"""Published vocabulary sizes of the 22 features; id 0 also stands for a missing value."""
FEATURES = tuple(f"feature_{k}" for k in range(len(SIZES)))
USER, ITEM = 1, 7
"""Features with as many values as the paper counts users and items."""
WINDOW = 7 * DAY

LISTS = ("pay_time", "dirpay_amt", "count", "prev_dirpay_amt", "prev_pay_time")
NAMED = (
    "click_time", "pay_time", "dirpay_amt", "count", "total_counts", "multi_tag", "prev_dirpay_amt", "prev_pay_time",
)  # fmt: skip
_ORIGIN = 0


OURS = ("line", "file")
"""Columns that reading adds to those of the file."""


def layout_of(path: Path, line: str) -> Layout:
    """Read the header: the named columns must be there, and 22 others beside them."""
    found = [name.strip().strip('"') for name in line.split("\t")]
    faults = [f"has no column {name!r}.{nearest(name, found)}" for name in NAMED if name not in found]
    if faults:
        raise UsageError(
            f"{path}: is no TRACE file: its first line {faults[0]} (expected: tab-separated names)"
        )
    features = [name for name in found if name not in NAMED]
    if len(features) != len(SIZES) or len(set(map(str.lower, found))) < len(found) or "" in found:
        raise UsageError(
            f"{path}: its first line names {len(features)} columns besides {', '.join(NAMED)}; "
            f"expected {len(SIZES)} features, each name once"
        )
    if taken := [name for name in OURS if name in map(str.lower, found)]:
        raise UsageError(f"{path}: a feature cannot be named {taken[0]!r}; rename it in the first line")
    return Layout(tuple(found), header=True, delimiter="\t")


def build(con: duckdb.DuckDBPyConnection, choices: Choices) -> Journeys:
    """Make ``clicks`` and ``events``: each entry of a row's lists is a pay with its amount."""
    described = con.execute("DESCRIBE source").fetchall()
    columns = [row[0] for row in described if row[0] not in OURS]
    given = [name for name in columns if name not in NAMED]
    _parse(con, columns, given, choices.mapping)
    con.execute(reject(columns))
    features = ", ".join(FEATURES)
    con.execute(
        f"CREATE VIEW clicks AS SELECT line - 1 AS click_id, time, {FEATURES[USER]} AS user_id, "
        f"{FEATURES[ITEM]} AS item_id, {features} FROM parsed WHERE reason IS NULL"
    )
    late = _make_events(con, choices.attribution)
    what = f"pays more than {format_duration(choices.attribution)} after their click"
    return Journeys(
        origin=_ORIGIN,
        observed_until=recorded_until(con, WINDOW),
        features=FEATURES,
        skipped={what: late} if late else {},
        notes=(
            "every click paid: there is no CVR, and there are no refunds",
            "days are those of the file's clock; its calendar is not published",
            f"user and item are {FEATURES[USER]} and {FEATURES[ITEM]}, by their number of values",
        ),
        cardinalities=dict(zip(FEATURES, SIZES, strict=True)),
    )


def _parse(
    con: duckdb.DuckDBPyConnection, columns: list[str], given: list[str], mapping: Path | None
) -> None:
    """Make ``parsed`` (line, time, pays in microseconds and amounts as lists, features, reason)."""
    tables = {} if mapping is None else _register(con, mapping, given)
    typed = {name: identifier(f"id of {name}") for name in FEATURES}  # two blanks: no name of the file
    ids, joins = [], []
    for name, source in zip(FEATURES, given, strict=True):
        if source in tables:
            table = tables[source]
            ids.append(f"coalesce({table}.id, 0) AS {typed[name]}")
            joins.append(f"LEFT JOIN {table} ON {table}.value = {trimmed(source)}")
        else:
            ids.append(f"CASE WHEN {is_missing(source)} THEN 0 ELSE {whole(source)} END AS {typed[name]}")
    pay_count = entries("pay_time")
    lengths = " OR ".join(f"{entries(name)} <> {pay_count}" for name in LISTS)
    faults = {
        has_nul(columns): "holds a NUL byte",
        f"{whole('click_time')} IS NULL": "click time is no number",
        " OR ".join(too_long(name) for name in LISTS): f"a list has more than {LONGEST} entries",
        **{
            f"NOT {is_list(name, seconds=name in {'pay_time', 'count'}, placeholder=name.startswith('prev'))}": (
                f"{name} is no list of numbers"
            )
            for name in LISTS
        },
        is_empty_list("pay_time"): "no pay: every click of TRACE has one",
        lengths: "the lists differ in length",
        f"{whole('total_counts')} IS DISTINCT FROM {pay_count}": "total_counts is not the length",
        " OR ".join(f"{name} IS NULL" for name in typed.values()): (
            "a feature is no id" + ("" if mapping is not None else " (the encrypted file needs --mapping)")
        ),
    }
    own = ", ".join(f"{unnamed} AS {name}" for name, unnamed in typed.items())
    pays = f"list_transform({numbers('pay_time')}, lambda x: CAST(x AS BIGINT) * {SECOND})"
    con.execute(
        f"CREATE TABLE parsed AS SELECT * EXCLUDE (reason, pays, amounts), reason, "
        "CASE WHEN reason IS NULL THEN pays END AS pays, CASE WHEN reason IS NULL THEN amounts END AS amounts "
        f"FROM (SELECT line, {whole('click_time')} * {SECOND} AS time, {own}, "
        f"{first_fault(faults)} AS reason, CASE WHEN {is_list('pay_time', seconds=True)} THEN {pays} END AS pays, "
        f"CASE WHEN {is_list('dirpay_amt')} THEN {numbers('dirpay_amt')} END AS amounts "
        f"FROM (SELECT source.*, {', '.join(ids)} FROM source {' '.join(joins)}))"
    )


def _register(con: duckdb.DuckDBPyConnection, path: Path, given: list[str]) -> dict[str, str]:
    """Make a table of each column of the mapping; return their names by that of the column in the file."""
    mapping = read_mapping(path)
    for name in mapping:
        if name not in given:
            told = ", ".join(given)
            raise UsageError(
                f"{path}: maps {name!r:.80}, which is no feature of the file ({told}).{nearest(name, given)}"
            )
    tables = {}
    for k, (name, content) in enumerate(mapping.items()):
        con.register(f"given_{k}", content)
        con.execute(f"CREATE TABLE map_{k} AS SELECT * FROM given_{k}")
        con.unregister(f"given_{k}")
        tables[name] = f"map_{k}"
    return tables


def _make_events(con: duckdb.DuckDBPyConnection, attribution: int) -> int:
    """Make ``events``; return how many pays came too late."""
    con.execute("""
        CREATE TABLE paid AS SELECT line, time AS clicked, unnest(pays) AS time, unnest(amounts) AS amount,
            generate_subscripts(pays, 1) AS ordinal
        FROM parsed WHERE reason IS NULL
    """)
    con.execute(f"""
        CREATE VIEW events AS SELECT row_number() OVER (ORDER BY time, line, ordinal) - 1 AS event_id,
            line - 1 AS click_id, time, 'pay' AS kind, amount FROM paid WHERE time - clicked <= {attribution}
    """)
    [(late,)] = con.execute(f"SELECT count(*) FROM paid WHERE time - clicked > {attribution}").fetchall()
    return int(late)


IMPORTER = IMPORTERS.register("trace")(
    Importer(
        format="trace",
        description="TRACE of READER (trace.txt, or trace_encrypted.txt with --mapping feature_mapping.pkl)",
        layout=layout_of,
        build=build,
        opens=("click",),
        attribution=WINDOW,
        mapped=True,
    )
)
