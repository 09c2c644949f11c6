"""`import` of a known format, or of files by a mapping of the user's: the same way as a scenario's own files, with a name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from simulator.errors import UsageError, unknown
from simulator.log.formats import format_names, format_table
from simulator.log.intake.open import Settings, make_log
from simulator.log.meta import Meta
from simulator.log.opens import Opens
from simulator.program import program
from simulator.scenario.data import SHAPES, DataBlock
from simulator.scenario.layers import from_here
from simulator.scenario.model import StreamBlock, WindowsBlock
from simulator.scenario.sentences import read_block
from simulator.units import format_duration

PLAIN = ("parquet", "csv", "json")
"""Words that say: by the mapping that is given."""


def import_format(
    name: str,
    sources: Sequence[Path],
    out: Path,
    *,
    opens: Opens | None = None,
    attribution: int | None = None,
    observed_until: str | None = None,
    on_bad_row: Literal["quarantine", "fail"] = "quarantine",
    most_bad: float | None = None,
    replace: bool = False,
) -> Meta:
    """Import the files of a known format as the log ``out``.

    Raises
    ------
    UsageError : there is no such format, an option does not fit it, or ``out`` exists and ``replace`` is not set.
    LogError : nothing of the files can be replayed, or a row is bad and ``on_bad_row`` is "fail".
    """
    if name not in format_names():
        raise UsageError(unknown("log format", name, format_names()))
    table = format_table(name)
    if not sources:
        raise UsageError(f"import {name}: needs a source: {table['files']}")
    shape = str(table["shape"])
    given: dict[str, Any] = dict(table["data"])
    if opens is not None:
        _check_opens(name, shape, opens, table)
        given["opens"] = opens
    choices = {"on_bad_row": on_bad_row, "most_bad": most_bad, "observed_until": observed_until}
    return _make(name, shape, given, {}, sources, out, attribution, choices, replace=replace)


def _check_opens(name: str, shape: str, opens: str, table: Mapping[str, Any]) -> None:
    columns = table["data"].get("columns", {})
    kinds = {*columns.get("kinds", {}).values(), *columns.get("flags", {}).values()}
    if shape != "touches" or (kinds and opens not in kinds):
        first = {"rows": "a click", "purchases": "a purchase"}.get(
            shape, str(table["data"].get("opens", "view"))
        )
        raise UsageError(f"{name}: has no {opens}s, so {first} opens the journey; leave --opens out")


def import_mapped(
    mapping: Path,
    sources: Sequence[Path],
    out: Path,
    *,
    attribution: int | None = None,
    observed_until: str | None = None,
    on_bad_row: Literal["quarantine", "fail"] = "quarantine",
    most_bad: float | None = None,
    replace: bool = False,
) -> Meta:
    """Import files as the log ``out`` by the ``[data]``, ``[windows]`` and ``[stream]`` of a scenario.

    ``sources`` take the place of the files that it names (for clicks and events: two, in that order).

    Raises
    ------
    UsageError : the mapping cannot be read, or the files do not fit it.
    """
    try:
        document = tomllib.loads(mapping.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{mapping}: cannot be read as TOML ({error})") from None
    given = dict(from_here(document, mapping).get("data", {}))
    shape = next((key for key in SHAPES if given.get(key)), "events" if "clicks" in given else "")
    if not shape:
        raise UsageError(
            f"{mapping}: [data] names no files; it must have touches, rows or purchases, or clicks and events "
            f"({program()} init writes it)"
        )
    choices = {"on_bad_row": on_bad_row, "most_bad": most_bad, "observed_until": observed_until}
    return _make(mapping.name, shape, given, document, sources, out, attribution, choices, replace=replace)


def _make(
    name: str,
    shape: str,
    given: dict[str, Any],
    document: Mapping[str, Any],
    sources: Sequence[Path],
    out: Path,
    attribution: int | None,
    choices: Mapping[str, Any],
    *,
    replace: bool,
) -> Meta:
    if out.exists() and not replace:  # said before the source is read
        raise UsageError(f"{out}: exists already; choose another place, or replace it (--replace)")
    shown = ("impressions",) if given.get("impressions") else ()
    keys: tuple[str, ...] = ("clicks", "events", *shown) if shape == "events" else (shape,)
    if sources and shape == "events" and len(sources) != len(keys):
        told = (
            "two sources, the clicks and the events"
            if len(keys) == 2
            else f"three sources ({', '.join(keys)})"
        )
        raise UsageError(f"{name}: takes {told}; {len(sources)} given")
    given |= dict(zip(keys, _gathered(keys, sources), strict=False))
    given |= {key: value for key, value in choices.items() if value is not None}
    data = read_block(DataBlock, given, f"{name}: data")
    windows = read_block(WindowsBlock, document.get("windows", {}), f"{name}: windows")
    stream = read_block(StreamBlock, document.get("stream", {}), f"{name}: stream")
    length = data.attribution if attribution is None else attribution
    length = windows.windows().attribution if length is None else length
    if length <= 0:
        raise UsageError(f"attribution window {format_duration(length)}: must be longer than 0s")
    data = data.model_copy(update={"attribution": length})
    gap = length if stream.gap is None else stream.gap
    settings = Settings(windows.windows(), stream.history, gap, stream.start)
    return make_log(data, settings, out, replace=replace, provenance={"format": name.removesuffix(".toml")})


def _gathered(keys: Sequence[str], sources: Sequence[Path]) -> list[list[str]]:
    if len(keys) > 1:
        return [[str(path)] for path in sources]
    return [[str(path) for path in sources]] if sources else []
