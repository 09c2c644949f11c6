"""Whether files are of a known format: its columns, and the values of its column of kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from simulator.clock import EPOCH, Clock
from simulator.errors import AfterclickError
from simulator.log.formats import format_names, format_table
from simulator.log.guess.draft import Draft, Entry
from simulator.log.guess.profile import Column, Profile, profile
from simulator.log.intake.times import FACTOR
from simulator.scenario.data import DataBlock, ReadBlock

_DISTINCTIVE = 3
"""A format that names fewer columns could be anything."""
_COLUMNS = (
    "click_id", "time", "user_id", "item_id", "event_click_id", "event_id", "event_time", "arrival_time", "kind", "quantity",
    "currency",
)  # fmt: skip
_LISTS = (
    "amount",
    "pay_time",
    "pay_delay",
    "cart_time",
    "cart_delay",
    "refund_time",
    "refund_delay",
    "refund_amount",
)


@dataclass(frozen=True, slots=True)
class Known:
    """A format that fits: its name, title and shape, and how many of its columns the files have."""

    name: str
    title: str
    shape: str
    columns: int


def known_format(source: Profile) -> Known | None:
    """Return the format whose columns, and kinds, a single source has; the one with the most columns."""
    found = []
    for name in format_names():
        table = format_table(name)
        if table["shape"] == "events":
            continue
        try:
            if (columns := _fits(source, table)) is not None:
                found.append(Known(name, str(table.get("title", name)), str(table["shape"]), columns))
        except (AfterclickError, ValueError, KeyError):
            continue  # a format that cannot be read as this one is not this one
    return max(found, key=lambda known: (known.columns, known.name), default=None)


def _fits(source: Profile, table: Mapping[str, Any]) -> int | None:
    """Return how many columns the format and the source have in common; None where the source lacks one."""
    shape = str(table["shape"])
    data = DataBlock.model_validate({**table["data"], shape: list(source.patterns)})
    names, of = needed(table["data"]), _names_of(source, data.read)
    if of is not None:  # a format need not say names that are those of the contract
        said = table["data"].get("columns", {})
        names |= {name for name in ("user_id", "item_id") if name in of and name not in said}
    if of is None or len(names) < _DISTINCTIVE or not names <= set(of):
        return None
    if _of_other_days(source.columns.get(of.get(data.columns.time, "")), data):
        return None
    kinds = {str(key).strip().lower() for key in data.columns.kinds}
    if not kinds:  # numbers without names and without kinds could be anything
        return len(names) if source.read.header else None
    column = source.columns.get(of.get(data.columns.kind, ""))
    values = () if column is None else column.values
    met = sum(count for value, count in values if value.lower() in kinds)
    return len(names) if met and met >= 0.9 * sum(count for _, count in values) else None


def _of_other_days(time: Column | None, data: DataBlock) -> bool:
    """Tell whether numbers of a time all lie outside the days of which the format is."""
    unit = data.columns.time_unit
    if data.between is None or time is None or time.least is None or time.most is None or unit is None:
        return False
    clock = Clock(EPOCH, data.time_zone)
    first, last = (clock.at(day) for day in data.between if isinstance(day, date))
    return not (time.least * FACTOR[unit] < last and time.most * FACTOR[unit] >= first)


def _names_of(source: Profile, read: ReadBlock) -> dict[str, str] | None:
    """Return the source's column by the format's name of it; None where the layout is another."""
    if read.join or read.parts or read.delimiter not in (None, source.read.delimiter):
        return None
    if read.names or not read.header:
        if source.read.header or len(read.names) != len(source.columns):
            return None
        return dict(zip(read.names, source.columns, strict=True))
    if not source.read.header or read.unnest != source.read.unnest:
        return None
    return {name: name for name in source.columns}


def needed(data: Mapping[str, Any]) -> set[str]:
    """Return the columns that a mapping names."""
    columns = data.get("columns", {})
    found = {str(columns[key]) for key in _COLUMNS if columns.get(key)}
    for key in _LISTS:
        value = columns.get(key) or ()
        found |= {value} if isinstance(value, str) else set(value)
    found |= {*columns.get("flags", {}), *columns.get("pay_if", {}), *data.get("read", {}).get("where", {})}
    for name, feature in data.get("features", {}).items():
        own = feature.get("column", name) if isinstance(feature, Mapping) else name
        optional = isinstance(feature, Mapping) and feature.get("optional", False)
        if own not in ("user", "item") and not optional:
            found.add(str(own))
    return found - {"none"}


def draft_of_format(con: duckdb.DuckDBPyConnection, source: Profile, known: Known) -> Draft:
    """Return a draft that leaves everything to the format."""
    read = ReadBlock.model_validate(format_table(known.name)["data"].get("read", {}))
    if read.names and not source.read.header:
        con.execute(f"DROP TABLE {source.table.name}")
        source = profile(con, known.shape, source.patterns, read)
    source.key = source.table.key = known.shape
    draft = Draft(known.shape, [source], format=known.name)
    draft.data["format"] = Entry(known.name, known.title)
    table = format_table(known.name)["data"]
    _put_opens(draft, source, table)
    for key, value in table.get("columns", {}).items():
        for name in _names(value):
            if name in source.columns:
                draft.take(source, name, key.removesuffix("_id").replace("_", " "))
    for name in table.get("features", {}):
        if name in source.columns:
            draft.take(source, name, "feature")
    for name in source.columns:
        if name not in draft.taken(source):
            draft.take(source, name, "not used by the format")
    return draft


def _put_opens(draft: Draft, source: Profile, table: Mapping[str, Any]) -> None:
    """Say what opens a journey where the files have none of what opens it by default (samples without views)."""
    kinds = {str(value).lower(): kind for value, kind in table.get("columns", {}).get("kinds", {}).items()}
    column = source.columns.get(table.get("columns", {}).get("kind", "kind"))
    if draft.shape != "touches" or not kinds or column is None:
        return
    counts: dict[str, int] = {}
    for value, count in column.values:
        kind = kinds.get(value.lower(), "")
        counts[kind] = counts.get(kind, 0) + count
    usual = str(table.get("opens", "view"))
    there = [kind for kind in ("view", "cart", "favourite") if counts.get(kind)]
    if there and usual not in there:
        draft.data["opens"] = Entry(
            there[0], f"the files have no {usual}s", [("opens", kind, "") for kind in there[1:]]
        )
        draft.unsure.append(f'[data] opens = "{there[0]}": the files have no {usual}s')


def _names(value: object) -> Sequence[str]:
    if isinstance(value, str):
        return (value,)
    return [str(one) for one in value] if isinstance(value, list | tuple | dict) else ()
