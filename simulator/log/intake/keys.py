"""Identifiers of any type: as they are where they are integers, else one spelling of text, numbered later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from simulator.errors import UsageError
from simulator.log.intake.tables import Table
from simulator.log.intake.values import FLOATS, INT64_MAX, INTEGERS, among, is_plain, spelt
from simulator.log.sql import identifier

_SIGNED = INTEGERS - {"UBIGINT", "HUGEINT", "UHUGEINT"}
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Key:
    """An identifier in one or several columns. ``sql`` (one an entry) is BIGINT where ``number``, else VARCHAR."""

    sql: tuple[str, ...]
    number: bool


def read_key(
    con: duckdb.DuckDBPyConnection,
    where: Sequence[tuple[Table, str, str]],
    missing: Sequence[object] = (),
) -> Key:
    """Decide how the columns of one identifier are read, so that equal ids are equal.

    Parameters
    ----------
    where : (table, key of ``[data.columns]``, column) of each place where it stands.
    missing : values that stand for none.

    Raises
    ------
    UsageError : a column holds lists, or floats that are above 2^53 (they have been rounded).
    """
    numbers = [_is_number(con, *place) for place in where]  # every place is looked at, for its faults
    number = all(numbers)
    found = []
    for table, _, column in where:
        name = f"source.{identifier(column)}"
        text = spelt(name, table.types[column])
        sql = text
        if number:
            sql = f"CAST({name} AS BIGINT)"
            if table.types[column] == "VARCHAR" or table.types[column] in FLOATS:
                sql = f"TRY_CAST({name} AS BIGINT)"
        absent = among(text, missing)
        if table.types[column] == "VARCHAR":
            absent = f"({name} = '' OR {absent})"
        found.append(sql if absent == "false" else f"CASE WHEN NOT ({absent}) THEN {sql} END")
    return Key(tuple(found), number)


def _is_number(con: duckdb.DuckDBPyConnection, table: Table, key: str, column: str) -> bool:
    kind, name = table.types[column], identifier(column)
    told = f"[data.columns] {key} = {column!r}: {table.told} holds {kind} there"
    if not is_plain(kind):
        raise UsageError(f"{told}; allowed: one plain value a row")
    if kind in _SIGNED:
        return True
    if kind in FLOATS:
        row = con.execute(
            f"SELECT max(abs({name})), count(*) FILTER ({name} <> trunc({name})) FROM {table.name} WHERE isfinite({name})"
        ).fetchone()
        largest, broken = row or (None, 0)
        limit = 2**24 if kind == "FLOAT" else _EXACT
        if largest is not None and largest >= limit:
            raise UsageError(
                f"{told} and values of {limit:,} (2^{limit.bit_length() - 1}) and above: such ids have been rounded, and "
                "neighbours are one; export it as an integer or as text"
            )
        return not broken
    if kind in INTEGERS:
        [(least, largest)] = con.execute(f"SELECT min({name}), max({name}) FROM {table.name}").fetchall()
        return largest is None or (largest <= INT64_MAX and least >= -INT64_MAX - 1)
    if kind.startswith("DECIMAL"):
        [(others,)] = con.execute(
            f"SELECT count(*) FILTER ({name} <> trunc({name}) OR TRY_CAST({name} AS BIGINT) IS NULL) FROM {table.name} "
            f"WHERE {name} IS NOT NULL"
        ).fetchall()
        return not others
    return kind == "VARCHAR" and _is_number_text(con, table, column, told)


def _is_number_text(con: duckdb.DuckDBPyConnection, table: Table, column: str, told: str) -> bool:
    """Tell whether all texts are integers as they are written, 12 or (where floats were written) 12.0."""
    name = identifier(column)
    [(others,)] = con.execute(
        f"SELECT count(*) FILTER (CAST(TRY_CAST({name} AS BIGINT) AS VARCHAR) IS DISTINCT FROM {name}) "
        f"FROM {table.name} WHERE {name} IS NOT NULL AND {name} <> ''"
    ).fetchall()
    if not others:
        return True
    whole = f"regexp_replace({name}, '[.]0+$', '')"
    [(others, largest, powers)] = con.execute(
        f"SELECT count(*) FILTER (CAST(TRY_CAST({whole} AS BIGINT) AS VARCHAR) IS DISTINCT FROM {whole}), "
        f"max(abs(TRY_CAST({whole} AS HUGEINT))) FILTER ({whole} <> {name}), "
        f"count(*) FILTER (regexp_full_match({name}, '-?[0-9]([.][0-9]+)?[eE][+]?[0-9]{{2}}')) * 2 > count(*) "
        f"FROM {table.name} WHERE {name} IS NOT NULL AND {name} <> ''"
    ).fetchall()
    if powers or (largest is not None and largest >= _EXACT):
        raise UsageError(
            f"{told} that was a float of {_EXACT:,} (2^53) and above, such as {example(con, table, column)}: such ids have "
            "been rounded, and neighbours are one; export it as an integer or as text"
        )
    return not others


_SPELLINGS = {
    "leading zeros": "ltrim({0}, '0')",
    "upper and lower case": "lower({0})",
    "spaces around": "trim({0})",
    "braces or hyphens": "regexp_replace(lower({0}), '[{{}}-]', '', 'g')",
}


def check_alike(con: duckdb.DuckDBPyConnection, opened: str, happened: str, where: str) -> None:
    """Refuse text ids of events that find next to no click, though they would if they were spelt like those of clicks.

    Raises
    ------
    UsageError : so it is; it names what is different.
    """
    query = "SELECT count(*), count(*) FILTER (EXISTS (SELECT 1 FROM {0} AS o WHERE {1} = {2})), min(h.click_id) FROM {3} AS h "
    some = f"(SELECT click_id FROM {happened} WHERE click_id IS NOT NULL LIMIT 10000)"
    for what, form in {"": "{0}", **_SPELLINGS}.items():
        sides = form.format("o.click_id"), form.format("h.click_id")
        [(total, found, shown)] = con.execute(query.format(opened, *sides, some)).fetchall()
        if not what and found * 10 > total:
            return
        if what and found * 2 > total:
            [(other,)] = con.execute(f"SELECT min(click_id) FROM {opened}").fetchall()
            raise UsageError(
                f"{where}: events write ids such as {str(shown)!r}, clicks such as {str(other)!r}; they differ by "
                f"{what}, so next to none of the events finds its click; write ids alike in both"
            )


def example(con: duckdb.DuckDBPyConnection, table: Table, column: str) -> str:
    """Return a value of a column as text, for messages."""
    name = identifier(column)
    row = con.execute(
        f"SELECT CAST({name} AS VARCHAR) FROM {table.name} WHERE {name} IS NOT NULL ORDER BY rowid LIMIT 1"
    ).fetchone()
    return "null" if row is None else str(row[0])[:60]
