"""The JSON schema of scenarios as a page to read: a table of keys for every table, and for every part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from learners.catalog import listed
from learners.composed import OF_MEMBERS
from learners.reference.schema import FAMILIES, NESTED, OPTIONAL, Schema, shipped_parts
from simulator.scenario.sentences import toml_like

INTRODUCTION = """\
# Every key of a scenario

Made from the models by `python -m learners.reference`, together with `docs/scenario.schema.json`, which editors can check
against while you write (Taplo, Even Better TOML): put `#:schema` and the path or address of that file in the first line of a
scenario.

A duration is text, a number with its unit (`us`, `ms`, `s`, `m`, `h`, `d`, `w`): `"15m"`, `"2.4h"`, `"1d 12h"`. A key in bold
must be written. `python sim.py describe SCENARIO` shows every key of a scenario with its value and with what set it. In
`[world]` the preset, and in `[[world.promotion]]` the kind, set other values than the defaults shown here. Paths are relative
to the file that they are written in.
"""
WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a table",
}
_HEADING = re.compile(r"^``\[.*?``: ")
"""How the docstring of a table begins; the page has it as a heading."""
FORMATS = {"date": "a date", "date-time": "a date and time"}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
HEADINGS = {
    "policy": "Delay policies (`policy`)",
    "objective": "Objectives (`objective`)",
    "network": "Networks (`network`)",
    "auxiliary": "Auxiliaries (`auxiliary`)",
    "offset": "Offsets (`offset`)",
    "start": "Pre-training recipes (`start`)",
    "serve": "Links from outputs to predictions (`serve`)",
    "space": "Space corrections (`space` of the objective `entire-space`)",
}
PARTS = """\
A key of `[[method]]` takes the name of a part, `"module:Class"`, or a table of its `kind` and its parameters. A table without
`kind` changes parameters of the part that the method has.{none}
"""
INSIDE = """\
Takes the name of a part, `"module:Class"`, or a table of its `kind` and its parameters.
"""


def reference_page(schema: Schema) -> str:
    """Write the page of a schema."""
    lines = [INTRODUCTION, "## Top level", "", *_table(schema)]
    for path, table in _tables(schema, schema["$defs"], ""):
        lines += [
            f"## `{path}`",
            "",
            _prose(table["description"]),
            "",
            *_table(table),
        ]
    lines += ["## Methods", "", "| name | task | what it is |", "|---|---|---|"]
    lines += [
        f"| `{m.name}` | {', '.join(m.tasks) or OF_MEMBERS} | {_cell(m.description)} |" for m in listed()
    ]
    for family in (*FAMILIES, *NESTED):
        none = ' "none" takes it away.' if family in OPTIONAL else ""
        said = PARTS.format(none=none) if family in FAMILIES else INSIDE
        lines += ["", f"## {HEADINGS[family]}", "", said]
        for kind in shipped_parts(family):
            part = schema["$defs"][f"{family}.{kind}"]
            lines += [f"### `{kind}`", "", _prose(part["description"]), "", *_table(part)]
    return "\n".join(lines).rstrip() + "\n"


def _tables(table: Schema, known: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Yield every table below one, in order, with its heading as TOML writes it."""
    for key, field in table["properties"].items():
        if key in FAMILIES or (path, key) == ("method", "learner"):
            continue
        below = f"{path}.{key}" if path else key
        for heading, kind in _held(field, below):
            yield heading, known[kind]
            yield from _tables(known[kind], known, below)


def _held(field: Schema, path: str) -> Iterator[tuple[str, str]]:
    """Yield the tables that a key holds: itself one, an array of them, or a table of them."""
    for one in field.get("anyOf", [field]):
        if "$ref" in one:
            yield f"[{path}]", _target(one)
        if "$ref" in one.get("items", {}):
            yield f"[[{path}]]", _target(one["items"])
        free = one.get("additionalProperties")
        for inner in free.get("anyOf", [free]) if isinstance(free, dict) else ():
            if "$ref" in inner:
                yield f"[{path}] NAME", _target(inner)


def _target(field: Schema) -> str:
    return str(field["$ref"]).rpartition("/")[2]


def _table(table: Schema) -> list[str]:
    rows = [
        (key, field) for key, field in table["properties"].items() if key != "kind" or "const" not in field
    ]
    if not rows:
        return []
    needed = table.get("required", ())
    lines = ["| key | takes | default | meaning |", "|---|---|---|---|"]
    for key, field in rows:
        shown = f"**`{key}`**" if key in needed else f"`{key}`"
        value = field.get("default", "")
        default = "" if value in ("", []) else f"`{toml_like(value)}`"
        lines.append(
            f"| {shown} | {_cell(words(field))} | {_cell(default)} | {_cell(field['description'])} |"
        )
    return [*lines, ""]


def words(field: Schema) -> str:
    """Say what a key takes.

    >>> words({"type": "number", "exclusiveMinimum": 0, "maximum": 1}), words({"enum": ["a", "b"]})
    ('a number, above 0, at most 1', '`"a"` or `"b"`')
    """
    if "anyOf" in field:
        single = dict.fromkeys(words(one) for one in field["anyOf"] if one.get("items") is None)
        several = [words(one["items"]) for one in field["anyOf"] if one.get("items") is not None]
        lists = ["a list of such" if [each] == list(single) else f"a list, each {each}" for each in several]
        return " or ".join([*single, *lists])
    if "enum" in field:
        return " or ".join(f"`{toml_like(word)}`" for word in field["enum"])
    if "const" in field:
        return f"`{toml_like(field['const'])}`"
    if "$ref" in field:
        return "a part" if _target(field) in (*FAMILIES, *NESTED) else "a table"
    if "$comment" in field:
        return str(field["$comment"])
    said = FORMATS.get(field.get("format", ""), WORDS.get(field.get("type", ""), "anything"))
    if field.get("type") == "array":
        said = _array(field)
    if isinstance(free := field.get("additionalProperties"), dict):
        said = f"a table, of each name {words(free)}"
    bounds = [f"{text} {field[key]:g}" for key, text in BOUNDS.items() if key in field]
    return ", ".join([said, *bounds])


def _array(field: Schema) -> str:
    inside: Any = field.get("items", {})
    each = field.get("prefixItems")
    said = f"a list, each {words(inside)}" if inside else "a list"
    if each:
        return f"a list of {len(each)}: {words(each[0])}"
    least, most = field.get("minItems"), field.get("maxItems")
    if least and least == most:
        return f"{said}, {least} of them"
    return (
        said
        + (f", at least {least} of them" if least else "")
        + (f", at most {most} of them" if most else "")
    )


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|")


def _prose(text: str) -> str:
    """Write a docstring's text as Markdown."""
    if match := _HEADING.match(text):
        text = text[match.end()].upper() + text[match.end() + 1 :]
    plain = text.replace("``", "`")
    return "`".join(part if i % 2 else part.replace("*", "\\*") for i, part in enumerate(plain.split("`")))
