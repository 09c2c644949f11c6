"""One pass over files: what each column holds, without deciding what it means."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import duckdb

from simulator.errors import UsageError
from simulator.log.intake.files import WHITESPACE, find
from simulator.log.intake.loading import load
from simulator.log.intake.tables import Table, open_table
from simulator.log.intake.values import FLOATS, INTEGERS, is_number, is_plain
from simulator.log.sql import identifier, literal
from simulator.scenario.data import ReadBlock

MARKS = ("null", "nan", "none", "na", "n/a", "nil", "\\n", "(null)", "-")
"""Texts that stand for nothing, in lower case."""
FEW = 60
"""A column of so many distinct values or fewer has them all listed."""
_INTEGER = r"[-+]?[0-9]+"
_STAMP = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}.*"


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds.

    Attributes
    ----------
    looks : integer, number, stamp (a date or timestamp, or ISO text), text, tags (a list), objects (a list of structures),
        nothing (no value at all).
    none : rows without a value: null, empty, NaN or a mark. ``marks`` are the marks met.
    distinct : of values, about (exact where ``values`` lists them: value and count, the most frequent first).
    least, most : of numbers.
    length : mean length of text.
    """

    name: str
    kind: str
    looks: str
    rows: int
    none: int
    marks: tuple[str, ...]
    distinct: int
    least: float | None
    most: float | None
    example: str
    length: float
    values: tuple[tuple[str, int], ...] = ()
    key: bool = False

    @property
    def share_none(self) -> float:
        """Share of rows without a value."""
        return self.none / max(self.rows, 1)

    @property
    def is_number(self) -> bool:
        """Whether values are numbers."""
        return self.looks in ("integer", "number")


@dataclass(slots=True)
class Profile:
    """A source: its table in the connection, and its columns by name."""

    key: str
    patterns: tuple[str, ...]
    read: ReadBlock
    table: Table
    columns: dict[str, Column] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def told(self) -> str:
        """The files, for messages."""
        return self.table.told


def profile(
    con: duckdb.DuckDBPyConnection, key: str, patterns: Sequence[str], read: ReadBlock | None = None
) -> Profile:
    """Read a source whole and look at every column.

    Raises
    ------
    UsageError, LogError : a file is missing, damaged, or holds no row.
    """
    notes: list[str] = []
    if read is None:
        read = ReadBlock(delimiter=WHITESPACE) if _is_spaced(key, patterns) else ReadBlock()
        if _headless(key, patterns, read):
            read = read.model_copy(update={"header": False})
            notes.append(
                "the first line is a row like the others, so columns are numbered: column0, column1, ..."
            )
    table = open_table(con, key, patterns, read)
    found = _look(con, table)
    objects = [column.name for column in found.values() if column.looks == "objects"]
    if objects and read.unnest is None:
        con.execute(f"DROP TABLE {table.name}")
        nested = profile(con, key, patterns, read.model_copy(update={"unnest": objects[0]}))
        nested.notes.append(f"the entries of the lists in {objects[0]!r} are the rows")
        return nested
    return Profile(key, tuple(patterns), read, table, found, notes)


def _is_spaced(key: str, patterns: Sequence[str]) -> bool:
    """Tell whether the columns of text are parted by blanks alone."""
    files = find(key, patterns, ReadBlock(header=False))
    if files[0].form != "text" or len(files[0].columns) > 1:
        return False
    return len(find(key, patterns, ReadBlock(header=False, delimiter=WHITESPACE))[0].columns) > 1


def _headless(key: str, patterns: Sequence[str], read: ReadBlock) -> bool:
    """Tell whether text files begin with a row: a cell of the first line is a number, and they do not count up from 0."""
    try:
        files = find(key, patterns, read)
    except UsageError as error:
        # A first line that names a column twice is a header only if it reads like one.
        if "names" not in str(error) or "twice" not in str(error):
            raise
        files = find(key, patterns, read.model_copy(update={"header": False}))
        raw = _first_cells(files[0].path, files[0].delimiter, files[0].compression)
        if not any(_is_value(cell) for cell in raw):
            raise
        return True
    names = files[0].columns
    if files[0].form != "text" or names == tuple(map(str, range(len(names)))):
        return False
    return any(_is_value(name) for name in names)


def _first_cells(path: str, delimiter: str, compression: str) -> list[str]:
    con = duckdb.connect()
    row = con.execute(
        f"SELECT line FROM read_csv({literal(path)}, auto_detect = false, columns = {{'line': 'VARCHAR'}}, "
        f"header = false, delim = chr(1), quote = '', escape = '', compression = {literal(compression)}) LIMIT 1"
    ).fetchone()
    if row is None or row[0] is None:
        return []
    return str(row[0]).split() if delimiter == WHITESPACE else next(csv.reader([row[0]], delimiter=delimiter))


def _is_value(cell: str) -> bool:
    text = cell.strip()
    return bool(re.fullmatch(r"[-+]?[0-9]+(\.[0-9]*)?", text)) or bool(re.fullmatch(_STAMP, text))


def _look(con: duckdb.DuckDBPyConnection, table: Table) -> dict[str, Column]:
    load(con, table, list(table.types))
    found: dict[str, Column] = {}
    names = list(table.types)
    for first in range(
        0, len(names), 40
    ):  # wide tables in several queries: each is planned in reasonable time
        part = names[first : first + 40]
        selects = ", ".join(_aggregates(name, table.types[name]) for name in part)
        row = con.execute(f"SELECT {selects} FROM {table.name}").fetchone()
        assert row is not None
        for k, name in enumerate(part):
            found[name] = _column(name, table, row[k])
    return {name: _listed(con, table, column) for name, column in found.items()}


def _aggregates(name: str, kind: str) -> str:
    """SQL for a structure of what is known of a column in one pass."""
    raw = identifier(name)
    text = f"trim(CAST({raw} AS VARCHAR))"
    marks = ", ".join(map(literal, MARKS))
    nan = f" OR isnan({raw})" if kind in FLOATS else ""
    absent = f"({raw} IS NULL OR {text} = ''{nan} OR lower({text}) IN ({marks}))"
    number = f"CAST({raw} AS DOUBLE)" if is_number(kind) else f"TRY_CAST({text} AS DOUBLE)"
    there = f"FILTER (NOT {absent})"
    return (
        "struct_pack("
        f"n := count(*), none := count(*) FILTER ({absent}), "
        f"marks := list_sort(list(DISTINCT {text}) FILTER (lower({text}) IN ({marks}))), "
        f"differ := approx_count_distinct({raw}) {there}, "
        f"whole := count(*) FILTER (NOT {absent} AND regexp_full_match({text}, {literal(_INTEGER)})), "
        f"numbers := count({number}) {there}, least := min({number}) {there}, most := max({number}) {there}, "
        f"stamps := count(*) FILTER (NOT {absent} AND regexp_full_match({text}, {literal(_STAMP)}) "
        f"AND TRY_CAST({text} AS TIMESTAMP) IS NOT NULL), "
        f"objects := count(*) FILTER (starts_with({text}, '[{{')), lists := count(*) FILTER (starts_with({text}, '[')), "
        f"example := arg_min({text}, rowid) {there}, length := coalesce(avg(length({text})) {there}, 0))"
    )


def _column(name: str, table: Table, seen: dict[str, object]) -> Column:
    kind = table.types[name]

    def of(key: str) -> int:
        return int(str(seen[key] or 0))

    rows, none = of("n"), of("none")
    there = rows - none
    least, most = (None if seen[key] is None else float(str(seen[key])) for key in ("least", "most"))
    looks = _looks(kind, there, of)
    if looks not in ("integer", "number"):
        least = most = None
    marks = tuple(str(mark) for mark in (seen["marks"] or ()))  # type: ignore[attr-defined]
    return Column(
        name, kind, looks, rows, none, marks, of("differ"), least, most,
        str(seen["example"] or ""), float(str(seen["length"])), key=name in table.keys,
    )  # fmt: skip


def _looks(kind: str, there: int, of: Callable[[str], int]) -> str:
    """Return what the ``there`` values of a column look like; ``of`` counts those that look like each."""
    if not there:
        return "nothing"
    if not is_plain(kind):
        return "objects" if kind.startswith("STRUCT") and kind.endswith("[]") else "tags"
    whole = of("whole") == there
    by_type = {
        "stamp": kind.startswith(("TIMESTAMP", "DATE")),
        "integer": kind in INTEGERS or (kind.startswith("DECIMAL") and whole),
        "number": is_number(kind),
        "text": kind != "VARCHAR",
    }
    most = 0.95 * there
    by_values = {
        "integer": of("numbers") >= most and of("whole") >= of("numbers"),
        "number": of("numbers") >= most,
        "stamp": of("stamps") >= most,
        "objects": of("objects") >= most,
        "tags": of("lists") >= most,
    }
    return next((looks for found in (by_type, by_values) for looks, holds in found.items() if holds), "text")


def _listed(con: duckdb.DuckDBPyConnection, table: Table, column: Column) -> Column:
    """Add the values of a column that has few."""
    if column.distinct > FEW * 1.2 or column.looks in ("nothing", "objects", "tags"):
        return column
    text = f"trim(CAST({identifier(column.name)} AS VARCHAR))"
    marks = ", ".join(map(literal, MARKS))
    rows = con.execute(
        f"SELECT {text}, count(*) FROM {table.name} WHERE {identifier(column.name)} IS NOT NULL AND {text} <> '' "
        f"AND lower({text}) NOT IN ({marks}) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {FEW + 1}"
    ).fetchall()
    if len(rows) > FEW:
        return column
    return replace(column, values=tuple((str(v), int(n)) for v, n in rows), distinct=len(rows))
