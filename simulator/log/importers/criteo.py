"""Criteo's conversion logs (KDD 2014): click and conversion time, 8 integer and 9 categorical features.

Integers go into equal bins between their least and largest value, as the delayed-feedback benchmarks do (ES-DFM,
AAAI 2021, and later ones); categories are numbered in order of first appearance.
"""

from __future__ import annotations

import duckdb

from simulator.log.importers.base import IMPORTERS, Choices, Importer, Journeys
from simulator.log.importers.cells import first_fault, is_missing, reject, whole
from simulator.log.importers.journeys import count_late, make_events, recorded_until
from simulator.log.importers.source import Layout, has_nul
from simulator.log.sql import identifier
from simulator.units import DAY, SECOND

BINS = (64, 16, 128, 64, 128, 64, 512, 512)
"""Bins of the integer features; one further id of each stands for a missing value."""
INTEGERS = tuple(f"i{k}" for k in range(len(BINS)))
CATEGORIES = tuple(f"c{k}" for k in range(9))
FEATURES = INTEGERS + CATEGORIES
_UNIX = 1_000_000_000

RECORDED = 30 * DAY
"""How long after a click its conversion was recorded."""

LAYOUT = Layout(("click_time", "conversion_time", *FEATURES), header=False, delimiter="\t")


def build(con: duckdb.DuckDBPyConnection, choices: Choices) -> Journeys:
    """Make ``clicks`` and ``events``; a conversion is a pay of amount 1."""
    _parse(con)
    con.execute(reject(LAYOUT.columns))
    [(first,)] = con.execute("SELECT min(time) FROM parsed WHERE reason IS NULL").fetchall()
    # The published file counts from its own start; a file in Unix time begins at the midnight before it.
    origin = 0 if first is None or first < _UNIX * SECOND else first // DAY * DAY
    con.execute(f"UPDATE parsed SET time = time - {origin}, pay = pay - {origin}") if origin else None
    _make_clicks(con)
    skipped = count_late(con, choices.attribution)
    make_events(con, choices.attribution)
    return Journeys(
        origin=origin,
        observed_until=recorded_until(con, RECORDED),
        features=FEATURES,
        skipped={what: count for what, count in skipped.items() if count},
        notes=(
            "there are no amounts: every pay has amount 1, so GMV counts conversions",
            "there are no users and items: both are 0 everywhere",
            "times count from the start of the file: hours and weekdays mean nothing",
        ),
        cardinalities={name: bins + 1 for name, bins in zip(INTEGERS, BINS, strict=True)},
    )


def _parse(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``parsed`` (line, time, pay, refund in microseconds, integers, categories as text, reason)."""
    conversion = f"CASE WHEN {is_missing('conversion_time')} THEN -1 ELSE {whole('conversion_time')} END"
    numbers = ", ".join(f"{whole(name)} AS {name}" for name in INTEGERS)
    texts = ", ".join(f"coalesce({name}, '') AS {name}" for name in CATEGORIES)
    unreadable = " OR ".join(f"{whole(name)} IS NULL AND NOT ({is_missing(name)})" for name in INTEGERS)
    faults = {
        has_nul(LAYOUT.columns): "holds a NUL byte",
        f"{whole('click_time')} IS NULL": "click time is no number",
        f"({conversion}) IS NULL": "conversion time is no number",
        unreadable: "an integer feature is no integer",
    }
    con.execute(
        f"CREATE TABLE parsed AS SELECT line, {whole('click_time')} * {SECOND} AS time, "
        f"CASE WHEN ({conversion}) <> -1 THEN ({conversion}) * {SECOND} END AS pay, "
        f"CAST(NULL AS BIGINT) AS refund, {numbers}, {texts}, {first_fault(faults)} AS reason FROM source"
    )


def _make_clicks(con: duckdb.DuckDBPyConnection) -> None:
    extremes = ", ".join(f"min({name}), max({name})" for name in INTEGERS)
    [found] = con.execute(f"SELECT {extremes} FROM parsed WHERE reason IS NULL").fetchall()
    ids = [
        f"{binned(name, bins, found[2 * k], found[2 * k + 1])} AS {name}"
        for k, (name, bins) in enumerate(zip(INTEGERS, BINS, strict=True))
    ]
    for name in CATEGORIES:
        con.execute(
            f"CREATE TABLE label_{name} AS SELECT value, row_number() OVER (ORDER BY line) - 1 AS id "
            f"FROM (SELECT {name} AS value, min(line) AS line FROM parsed WHERE reason IS NULL GROUP BY ALL)"
        )
        ids.append(f"label_{name}.id AS {identifier(name)}")
    joins = " ".join(f"JOIN label_{name} ON label_{name}.value = parsed.{name}" for name in CATEGORIES)
    con.execute(
        f"CREATE VIEW clicks AS SELECT line - 1 AS click_id, time, 0 AS user_id, 0 AS item_id, "
        f"{', '.join(ids)} FROM parsed {joins} WHERE reason IS NULL"
    )


def binned(column: str, bins: int, least: int | None, largest: int | None) -> str:
    """SQL for the bin of an integer: ``floor(bins (x - least) / (largest - least))``, the last bin closed.

    A null goes to bin ``bins``; where all values are one, they go to bin 0. Exact, in integers.
    """
    if least is None or largest is None:
        return f"CAST({bins} AS BIGINT)"
    span = max(largest - least, 1)
    scaled = f"(CAST({column} AS HUGEINT) - {least}) * {bins} // {span}"
    return f"CASE WHEN {column} IS NULL THEN {bins} ELSE CAST(least({scaled}, {bins - 1}) AS BIGINT) END"


IMPORTER = IMPORTERS.register("criteo")(
    Importer(
        format="criteo",
        description="Criteo conversion logs (click s, conversion s, 8 integers, 9 categories; no header)",
        layout=LAYOUT,
        build=build,
        opens=("click",),
        attribution=RECORDED,
    )
)
