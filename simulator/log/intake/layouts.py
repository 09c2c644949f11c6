"""SQL that reads files of one layout: Parquet, delimited text, lines, JSON lines."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.log.intake.files import WHITESPACE, SourceFile
from simulator.log.sql import identifier, literal

_LINE = 20_000_000
"""Bytes of the longest line that is read."""


def parquet(files: Sequence[SourceFile]) -> str:
    """SQL that reads Parquet files by the names of their columns; keys of folders take the place of none."""
    listed = ", ".join(literal(file.path) for file in files)
    named = ", filename = true" if any(file.add for file in files) else ""
    union = "true" if len(files) > 1 or "*" in files[0].path else "false"
    return f"read_parquet([{listed}], union_by_name = {union}, hive_partitioning = false{named})"


def lines_of(files: Sequence[SourceFile]) -> str:
    """SQL that reads lines whole, as ``line``."""
    listed = ", ".join(literal(file.path) for file in files)
    return (
        f"read_csv([{listed}], auto_detect = false, columns = {{'line': 'VARCHAR'}}, header = false, "
        f"delim = chr(1), quote = '', escape = '', compression = {literal(files[0].compression)}, "
        f"max_line_size = {_LINE}"
    )


def json_object(line: str) -> str:
    """SQL for a line that is a JSON object, else null; NaN and Infinity, which JSON has not, are null in it."""
    mended = f"regexp_replace({line}, '([:,\\[]\\s*)(NaN|-?Infinity)', '\\1null', 'g')"
    found = f"CASE WHEN json_valid({line}) THEN {line} WHEN json_valid({mended}) THEN {mended} END"
    return f"CASE WHEN json_type({found}) = 'OBJECT' THEN {found} END"


def select_text(files: Sequence[SourceFile], names: Sequence[str], rejects: str) -> str:
    """SQL for columns of text files of one layout, as text; lines that cannot be split go to the table ``rejects``."""
    file = files[0]
    added = dict(file.add)
    listed = ", ".join(
        identifier(n) if n in file.columns else f"{_value(added.get(n))} AS {identifier(n)}" for n in names
    )
    paths = ", ".join(literal(f.path) for f in files)
    keep = _rejecting(rejects)
    if file.delimiter == WHITESPACE:
        cells = ", ".join(f"_cells[{k + 1}] AS {identifier(n)}" for k, n in enumerate(file.columns))
        bad = f"CASE WHEN len(_cells) <> {len(file.columns)} THEN line END AS _line"
        return (
            f"SELECT {listed}, _line FROM (SELECT {cells}, {bad} FROM (SELECT line, string_split_regex(trim(line), "
            f"'\\s+') AS _cells FROM {lines_of(files)}, {keep}) OFFSET {file.skip}) WHERE trim(line) <> '')"
        )
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in file.columns)
    return (
        f"SELECT {listed} FROM read_csv([{paths}], auto_detect = false, columns = {{{columns}}}, "
        f"header = {'true' if file.skip else 'false'}, delim = {literal(file.delimiter)}, quote = '\"', escape = '\"', "
        f"strict_mode = true, compression = {literal(file.compression)}, max_line_size = {_LINE}, {keep})"
    )


def _rejecting(table: str) -> str:
    """Options of read_csv by which lines that cannot be split go to a table of their own."""
    names = f"rejects_table = {literal(table)}, rejects_scan = {literal(f'{table}_scan')}"
    return f"store_rejects = true, rejects_limit = 0, {names}"


def _value(text: str | None) -> str:
    return "CAST(NULL AS VARCHAR)" if text is None else literal(text)


def member(name: str) -> str:
    """Write the path of a key of a JSON object."""
    return '$."' + name.replace('"', '\\"') + '"'


def select_json(files: Sequence[SourceFile], names: Sequence[str], rejects: str, unnest: str | None) -> str:
    """SQL for keys of JSON lines, as text; with ``unnest`` one row an entry of that list. Other lines go to ``_line``."""
    added = dict(files[0].add)
    keep = _rejecting(rejects)
    blank = "trim(line, chr(32) || chr(9) || chr(13)) <> ''"
    fits = json_object("line")
    if unnest is not None:
        listed = f"json_type({fits}, {literal(member(unnest))}) IS NOT DISTINCT FROM 'ARRAY'"
        fits = f"CASE WHEN {listed} THEN {fits} END"
    lines = f"(SELECT line, {fits} AS _object FROM {lines_of(files)}, {keep}) WHERE {blank})"
    bad = "CASE WHEN _object IS NULL THEN line END AS _line"

    def cell(name: str, of: str) -> str:
        if name in added:
            return f"{literal(added[name])} AS {identifier(name)}"
        return f"json_extract_string({of}, {literal(member(name))}) AS {identifier(name)}"

    whole = "_object"
    if unnest is None:
        return f"SELECT {', '.join(cell(n, whole) for n in names)}, {bad} FROM {lines}"
    entries = f"json_extract(_object, {literal(member(unnest) + '[*]')})"
    inner = (
        f"SELECT *, unnest(CASE WHEN _object IS NULL THEN [NULL] ELSE {entries} END) AS _item FROM {lines}"
    )
    cells = (
        f"coalesce({cell(n, '_item').rpartition(' AS ')[0]}, {cell(n, whole).rpartition(' AS ')[0]}) AS {identifier(n)}"
        for n in names
    )
    return f"SELECT {', '.join(cells)}, {bad} FROM ({inner})"
