"""SQL for the cells of research files: numbers that may be missing, and lists written as text.

Cells are matched against a closed grammar (linear in their length) before they are cast; nothing is evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.log.sql import identifier, literal

LONGEST = 1000
"""Entries that a list may have: no click has as many pays, and a longer list is an accident or an attack."""

MISSING = (
    "", "#N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""Texts that stand for a missing value (those that the published readers take so)."""

_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
_SECONDS = r"[-+]?[0-9]{1,12}(?:\.0*)?"
_EMPTY = r"\[\s*\]"


def trimmed(column: str) -> str:
    """SQL for a cell without the blanks around it; a cell with nothing in it is ''."""
    return f"coalesce(trim({identifier(column)}), '')"


def is_missing(column: str) -> str:
    """SQL that tells whether a cell has no value."""
    return f"{trimmed(column)} IN ({', '.join(map(literal, MISSING))})"


def whole(column: str) -> str:
    """SQL for a cell as a whole number ("12", "-1", "12.0"); null where it is none.

    What is written as the number itself is known by casting it back and forth; only the rest meets the grammar.
    """
    name, text = identifier(column), trimmed(column)
    read = f"TRY_CAST({name} AS BIGINT)"
    return (
        f"CASE WHEN CAST({read} AS VARCHAR) = {name} AND length({name}) <= 12 THEN {read} "
        f"WHEN regexp_full_match({text}, {literal(_SECONDS)}) "
        f"THEN CAST(regexp_extract({text}, '[-+]?[0-9]+') AS BIGINT) END"
    )


def is_list(column: str, *, seconds: bool = False, placeholder: bool = False) -> str:
    """SQL that tells whether a cell is a list of numbers, such as ``[1, 2.5]`` or ``[]``.

    Parameters
    ----------
    seconds : only whole numbers.
    placeholder : the first entry may be missing (nan or None).
    """
    entry = _SECONDS if seconds else _NUMBER
    first = f"(?:{entry}|nan|None)" if placeholder else entry
    grammar = rf"\[\s*(?:{first}(?:\s*,\s*{entry})*\s*,?\s*)?\]"
    return f"regexp_full_match({trimmed(column)}, {literal(grammar)})"


def is_empty_list(column: str) -> str:
    """SQL that tells whether a cell is ``[]``."""
    return f"regexp_full_match({trimmed(column)}, {literal(_EMPTY)})"


def entries(column: str) -> str:
    """SQL for how many entries a list has, counted by its commas (the cell must be a list)."""
    text = f"regexp_replace({trimmed(column)}, ',\\s*\\]$', ']')"
    commas = f"length({text}) - length(replace({text}, ',', ''))"
    return f"CASE WHEN {is_empty_list(column)} THEN 0 ELSE 1 + {commas} END"


def too_long(column: str) -> str:
    """SQL that tells whether a cell holds more commas than the longest list that is read."""
    return f"length({trimmed(column)}) - length(replace({trimmed(column)}, ',', '')) > {LONGEST}"


def first_entry(column: str) -> str:
    """SQL for the first entry of a list of whole numbers (the cell must be one that is not empty)."""
    return f"CAST(regexp_extract({trimmed(column)}, '[-+]?[0-9]+') AS BIGINT)"


def numbers(column: str) -> str:
    """SQL for a list as DOUBLE[] (the cell must be a list)."""
    return f"TRY_CAST(regexp_replace({trimmed(column)}, ',\\s*\\]$', ']') AS DOUBLE[])"


def first_fault(faults: dict[str, str]) -> str:
    """SQL for the reason of the first test (test: reason) that is true, or null."""
    return "CASE " + " ".join(f"WHEN {test} THEN {literal(why)}" for test, why in faults.items()) + " END"


def reject(columns: Sequence[str]) -> str:
    """SQL that moves the rows of ``source`` with a reason in ``parsed`` to ``rejected``."""
    row = ", ".join(f"{identifier(name)} := source.{identifier(name)}" for name in columns)
    return (
        f"INSERT INTO rejected SELECT CAST(struct_pack({row}) AS VARCHAR), parsed.reason "
        "FROM source JOIN parsed USING (line) WHERE parsed.reason IS NOT NULL"
    )
