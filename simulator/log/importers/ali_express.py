"""AliExpress searches of one country (CIKM 2020): impressions with 16 categorical and many numerical columns, without times.

The data set (Tianchi, 74690) comes as user and item files; what the published readers take, and what is read here, is what
their common script makes of these: ``train.csv`` and ``test.csv`` with a first line of names, a column for the search, 16
categorical ones, the numerical ones (63 in the published files), and the labels ``click`` and ``conversion`` last.

Categorical values are ids already and stay what they are. Models here take ids, so a numerical column becomes a numeric
feature: its bins have equal shares of the training file, and the test file has no part in them. A column of whole numbers
from 0 on, fewer than there are bins, keeps its numbers.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from simulator.errors import UsageError
from simulator.log.importers.base import IMPORTERS, Choices, Importer, Journeys
from simulator.log.importers.cells import first_fault, reject, whole
from simulator.log.importers.shown import UNPAID, make_views, spans_of
from simulator.log.importers.source import Layout, has_nul
from simulator.log.schema import Feature
from simulator.log.sql import identifier
from simulator.units import DAY

CATEGORICAL = 16
BINS = 64
"""Bins of a numerical column at most."""
_NONE = "users are searches, and there are no items"
LABELS = ("click", "conversion")


def layout(path: Path, line: str) -> Layout:
    """Return the columns that the first line names."""
    columns = [name.strip().strip('"') for name in line.split(",")]
    if len(columns) < 1 + CATEGORICAL + len(LABELS) or tuple(columns[-2:]) != LABELS:
        raise UsageError(
            f"{path}: its first line is {line!r:.200}; expected the search, {CATEGORICAL} categorical columns, numerical "
            f"ones, and last {' and '.join(LABELS)}"
        )
    return Layout(tuple(columns), header=True, parts=True)


def build(con: duckdb.DuckDBPyConnection, choices: Choices) -> Journeys:
    """Make ``impressions``, ``clicks`` and ``events``: a click is at its impression, and a conversion at its click."""
    [search, *names] = [row[0] for row in con.execute("DESCRIBE source").fetchall()][2:]
    categorical, numerical = names[:CATEGORICAL], names[CATEGORICAL:-2]
    _parse(con, search, categorical, numerical)
    con.execute(reject([search, *names]))
    spans = spans_of(con, "source")
    con.execute("DROP TABLE source")
    edges = {name: _edges(con, name) for name in numerical}
    ids = [f"parsed.{identifier(name)} AS {identifier(name)}" for name in categorical]
    for name, found in edges.items():
        column = f"parsed.{identifier(name)}"
        kept = f"least(greatest(floor({column}), 0), {BINS - 1})::BIGINT"
        ids.append(f"{kept if found is None else binned(column, found)} AS {identifier(name)}")
    make_views(
        con,
        [*categorical, *numerical],
        f"SELECT line - 1 AS impression_id, {spans.time} AS time, search AS user_id, 0 AS item_id, clicked, bought, "
        f"{', '.join(ids)} FROM parsed WHERE reason IS NULL",
    )
    shapes = {
        name: Feature(name, BINS if found is None else len(found) + 1, kind="numeric")
        for name, found in edges.items()
    }
    return Journeys(
        origin=0,
        observed_until=spans.end + 2 * choices.attribution,
        features=(*categorical, *numerical),
        notes=(
            *spans.notes,
            f"numerical columns are ids of up to {BINS} bins of equal shares of the training file",
            _NONE,
        ),
        shapes=shapes,
        cardinalities={name: feature.cardinality for name, feature in shapes.items()},
        provenance=spans.provenance,
        impressions=True,
    )


def _parse(con: duckdb.DuckDBPyConnection, search: str, categorical: list[str], numerical: list[str]) -> None:
    """Make ``parsed`` (line, file, search, clicked, bought, reason, categorical ids, numbers)."""
    click, bought = (whole(name) for name in LABELS)
    numbers = {name: f"TRY_CAST({identifier(name)} AS DOUBLE)" for name in numerical}
    faults = {
        has_nul([search, *categorical, *numerical, *LABELS]): "holds a NUL byte",
        f"coalesce({click}, 2) NOT IN (0, 1)": "click is not 0 or 1",
        f"coalesce({bought}, 2) NOT IN (0, 1)": "conversion is not 0 or 1",
        f"{click} = 0 AND {bought} = 1": UNPAID,
        f"{whole(search)} IS NULL": f"{search} is no whole number",
        " OR ".join(
            f"coalesce({whole(name)}, -1) < 0" for name in categorical
        ): "a categorical column is no id (0, 1, ...)",
    }
    if numerical:
        unread = " OR ".join(f"NOT coalesce(isfinite({number}), false)" for number in numbers.values())
        faults[unread] = "a numerical column is no finite number"
    columns = [f"{whole(name)} AS {identifier(name)}" for name in categorical]
    columns += [f"{number} AS {identifier(name)}" for name, number in numbers.items()]
    con.execute(
        f"CREATE TABLE parsed AS SELECT line, file, {whole(search)} AS search, {click} = 1 AS clicked, "
        f"{bought} = 1 AS bought, {first_fault(faults)} AS reason, {', '.join(columns)} FROM source"
    )


def _edges(con: duckdb.DuckDBPyConnection, name: str) -> list[float] | None:
    """Return the upper ends of all bins but the last, of equal shares of the training file; None of a column of ids."""
    column, rows = identifier(name), "FROM parsed WHERE reason IS NULL AND file = 0"
    [(ids,)] = con.execute(
        f"SELECT coalesce(bool_and({column} = floor({column}) AND {column} BETWEEN 0 AND {BINS - 1}), true) {rows}"
    ).fetchall()
    if ids:
        return None
    shares = [k / BINS for k in range(1, BINS)]
    [(found,)] = con.execute(f"SELECT quantile_disc({column}, {shares}) {rows}").fetchall()
    return sorted(set(found))


def binned(column: str, edges: list[float]) -> str:
    """SQL for how many of the ``edges`` (ascending) lie below a number, by halving.

    >>> binned("x", [0.5])
    'CASE WHEN x > 0.5 THEN 1 ELSE 0 END'
    """

    def between(low: int, high: int) -> str:
        if low == high:
            return str(low)
        middle = (low + high) // 2
        return f"CASE WHEN {column} > {edges[middle]!r} THEN {between(middle + 1, high)} ELSE {between(low, middle)} END"

    return between(0, len(edges))


IMPORTER = IMPORTERS.register("ali-express")(
    Importer(
        format="ali-express",
        description="AliExpress: impressions, train.csv and test.csv (16 categorical and numerical columns; no times)",
        layout=layout,
        build=build,
        opens=("click",),
        attribution=3 * DAY,
        unattributed=(UNPAID,),
        names=("train.csv", "test.csv"),
    )
)
