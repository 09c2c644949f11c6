"""What every shape makes of its tables: ``opened`` (clicks to be) and ``happened`` (events to be), values as read.

``opened``: _row, click_id, time, user, item, _f0_, _f1_, ...; ``happened``: _row, event_id, click_id, time, arrival, kind,
amount. Times are microseconds from 1970. ``_row`` is the place of the row in the source table. Where clicks and events
come from one table, the click_id of an event is the ``_row`` of its click.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb

from simulator.errors import UsageError, nearest
from simulator.log.intake.keys import read_key
from simulator.log.intake.loading import load
from simulator.log.intake.spans import settle_clock_changes
from simulator.log.intake.tables import Table
from simulator.log.intake.times import TimeColumn, read_time
from simulator.log.sql import identifier
from simulator.scenario.data import DataBlock, FeatureBlock

OPENED, HAPPENED = "opened", "happened"
_AS_FEATURE = {"user_id": "user", "item_id": "item"}


@dataclass(slots=True)
class FeatureColumn:
    """A feature to be: the column ``raw`` of ``opened`` and its type in the files."""

    name: str
    spec: FeatureBlock
    raw: str
    kind: str


@dataclass(slots=True)
class Staged:
    """What is known of ``opened`` and ``happened``.

    ``numbers`` tells of click_id, user, item and event_id whether they are BIGINT (else text); an event without ids has
    none. ``labels`` give the user's names of the columns of the contract, by table.
    """

    clicks: Table
    events: Table
    features: list[FeatureColumn]
    numbers: dict[str, bool] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ignored: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    """Actions by kind."""
    rows: int = 0
    made: int = 0
    """Clicks and events that are made beyond one a row: journeys opened by a purchase, events of wide rows."""
    last: int | None = None
    """The last action of any kind that is no stray, in microseconds from 1970: until then the log was observed."""
    local: bool = False
    """Whether times are those of a wall clock."""
    shown: Table | None = None
    """The impressions, where there are any."""

    @property
    def tables(self) -> dict[str, Table]:
        """The tables by what their rows become; wide rows become clicks and events."""
        shown = {} if self.shown is None else {"impressions": self.shown}
        return {"clicks": self.clicks, "events": self.events} | shown


def feature_columns(table: Table, data: DataBlock) -> list[FeatureColumn]:
    """Return the features that are named; user and item where none are."""
    columns = data.columns
    own = {"user": columns.user_id, "item": columns.item_id}
    specs = {
        _AS_FEATURE.get(name, name): FeatureBlock(column=name) for name in columns.features
    } | data.features
    if not specs:
        specs = {
            name: FeatureBlock(column=c) for name, c in own.items() if c is not None and c in table.types
        }
    found = []
    for index, (name, spec) in enumerate(specs.items()):
        column = spec.column or (name if name in table.types else own.get(name) or name)
        if spec.optional and column not in table.types:
            continue
        kind = table.types.get(column, "")
        found.append(FeatureColumn(name, spec.model_copy(update={"column": column}), f"_f{index}_", kind))
    return found


def left_out(table: Table, data: DataBlock) -> list[str]:
    """Name the optional features that are not there."""
    lacking = [
        n for n, spec in data.features.items() if spec.optional and (spec.column or n) not in table.types
    ]
    return [f"{table.told} has no {', '.join(lacking)}: left out of the features"] if lacking else []


def candidates(table: Table, data: DataBlock, used: set[str]) -> str:
    """Say which columns could be features where none are named; "" where some are, or nothing is left."""
    if data.features or data.columns.features:
        return ""
    left = [name for name in table.types if name not in used]
    if not left:
        return ""
    return (
        "no features are named, so user and item are taken; [data.features] can name any of "
        f"{', '.join(left[:30])}{', ...' * (len(left) > 30)}"
    )


@dataclass(slots=True)
class Wanted:
    """Keys of ``[data.columns]`` and the columns they name, collected so that all faults are said at once."""

    places: list[tuple[Table, str, str]] = field(default_factory=list)

    def add(self, table: Table, key: str, column: str | None) -> str | None:
        """Want a column (None: the key names none)."""
        if column is not None:
            self.places.append((table, key, column))
        return column

    def maybe(self, table: Table, key: str, column: str | None, default: str) -> str | None:
        """Want a column, unless it is the default name and not there."""
        if column == default and column not in table.types:
            return None
        return self.add(table, key, column)

    def check(self) -> None:
        """Find every key that names a column that is not there.

        Raises
        ------
        UsageError : so it is.
        """
        faults = [
            f"[data.columns] {key} = {column!r}: {table.told} has no such column; it has {_listed(table.types)}."
            f"{nearest(column, table.types)}"
            for table, key, column in self._once()
            if column not in table.types
        ]
        faults += [
            f"[data.columns] {key} = {column!r}: {table.told} has a column of a name that DuckDB keeps for the place of a "
            "row; rename it in the file"
            for table, key, column in self._once()
            if column.lower() == "rowid"
        ]
        if faults:
            raise UsageError("\n".join(faults))

    def _once(self) -> list[tuple[Table, str, str]]:
        seen: set[tuple[int, str, str]] = set()
        kept = []
        for table, key, column in self.places:
            if (id(table), key, column) not in seen:
                seen.add((id(table), key, column))
                kept.append((table, key, column))
        return kept

    def of(self, table: Table) -> list[str]:
        """Return the columns that are wanted of a table."""
        return [column for other, _, column in self.places if other is table]


def _listed(names: dict[str, str]) -> str:
    shown = list(names)
    return ", ".join(shown[:40]) + (f", ... ({len(shown)} in all)" if len(shown) > 40 else "")


def load_wanted(
    con: duckdb.DuckDBPyConnection, staged: Staged, wanted: Wanted, data: DataBlock, *, amounts: bool
) -> None:
    """Want the features too, load what is wanted of the tables, and note what could be named and is not.

    Raises
    ------
    UsageError : a key names a column that is not there.
    """
    clicks, events, named = staged.clicks, staged.events, set(wanted.of(staged.clicks))
    for feature in staged.features:
        key = "features" if feature.name in data.columns.features else f"features.{feature.name}"
        for table in [clicks] if staged.shown is None else [clicks, staged.shown]:
            wanted.add(table, key, feature.spec.column)
    wanted.check()
    for table in {id(table): table for table in staged.tables.values()}.values():
        load(con, table, wanted.of(table))
    note = candidates(clicks, data, named)
    staged.notes += [note] if note else []
    if not amounts:
        staged.notes.append(f"{events.told} has no amounts: every pay counts 1")


def who(con: duckdb.DuckDBPyConnection, table: Table, data: DataBlock, staged: Staged) -> dict[str, str]:
    """SQL for user and item of a table of clicks by ``user`` and ``item``; a constant 0 where there is no such column.

    Impressions have them in columns of the same names, read alike: ``shown_user`` and ``shown_item``.
    """
    found = {}
    for name, key in (("user", "user_id"), ("item", "item_id")):
        column = getattr(data.columns, key)
        if column is None or column not in table.types:
            found[name] = found[f"shown_{name}"] = "CAST(0 AS BIGINT)"
            staged.numbers[name] = True
            continue
        tables = [table] if staged.shown is None else [table, staged.shown]
        read = read_key(con, [(one, key, column) for one in tables], data.missing)
        found[name], staged.numbers[name] = read.sql[0], read.number
        found[f"shown_{name}"] = read.sql[-1]
    return found


def raw_features(staged: Staged) -> str:
    """SQL for the raw columns of the features, from ``source``."""
    return "".join(f", source.{identifier(f.spec.column or f.name)} AS {f.raw}" for f in staged.features)


def timed(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    key: str,
    column: str,
    data: DataBlock,
    staged: Staged,
    never: Sequence[object] = (),
    unit: str | None = None,
) -> TimeColumn:
    """Decide how a time is read (`read_time`), and keep what is to be said of it."""
    found = read_time(con, table, key, column, data, never, unit)
    staged.notes += [note for note in found.notes if note not in staged.notes]
    staged.local |= found.local and data.time_zone != "UTC"
    return found


def settle_hours(
    con: duckdb.DuckDBPyConnection, data: DataBlock, staged: Staged, table: str, followers: str | None = None
) -> None:
    """Tell the passes of a repeated hour apart in a table of local times (`settle_clock_changes`)."""
    if staged.local:
        staged.notes += settle_clock_changes(con, table, data.time_zone, followers)
