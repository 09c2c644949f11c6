"""What a column holds, as the mapping needs to know it: integers, numbers, text; and values in one spelling."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.log.sql import literal

INTEGERS = frozenset(
    {
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "HUGEINT",
        "UHUGEINT",
    }
)
FLOATS = frozenset({"FLOAT", "DOUBLE"})
INT64_MAX = 2**63 - 1


def is_number(kind: str) -> bool:
    """Tell whether a DuckDB type is one of numbers."""
    return kind in INTEGERS or kind in FLOATS or kind.startswith("DECIMAL")


def is_plain(kind: str) -> bool:
    """Tell whether a value is one value, not a list or a structure."""
    return not (kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "JSON", "VARIANT")))


def spelt(expression: str, kind: str) -> str:
    """SQL for a value as text in one spelling: 3, 3.0 and 3.00 alike, nothing for null and NaN."""
    if kind in FLOATS:
        return (
            f"CASE WHEN isnan({expression}) THEN NULL WHEN {expression} = trunc({expression}) AND abs({expression}) < 1e15 "
            f"THEN CAST(CAST({expression} AS BIGINT) AS VARCHAR) ELSE CAST({expression} AS VARCHAR) END"
        )
    if kind.startswith("DECIMAL"):
        text = f"CAST({expression} AS VARCHAR)"
        return f"CASE WHEN contains({text}, '.') THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"
    return f"CAST({expression} AS VARCHAR)"


def marks(values: Iterable[object]) -> list[str]:
    """Return values of a scenario in that spelling."""
    return [_mark(value) for value in values]


def _mark(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)


def among(text: str, values: Iterable[object]) -> str:
    """SQL that tells whether a text is one of the values; false for null."""
    listed = ", ".join(literal(mark) for mark in marks(values))
    return f"coalesce({text} IN ({listed}), false)" if listed else "false"
