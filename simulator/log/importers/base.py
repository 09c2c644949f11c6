"""What an importer is, and the way from source files to a log that all of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb

from simulator.calls import calling
from simulator.errors import LogError, PartError, UsageError, unknown
from simulator.log.importers.source import Layout, first_line, read_source, source_files
from simulator.log.ingest import ingest
from simulator.log.meta import Meta, from_epoch
from simulator.log.opens import Opens
from simulator.log.sql import literal, one_line, workspace
from simulator.plugins import Family
from simulator.units import format_duration


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chose: the opener of journeys, the attribution window (microseconds), a mapping file."""

    opens: str
    attribution: int
    mapping: Path | None = None


@dataclass(frozen=True, slots=True)
class Journeys:
    """What an importer made in the connection: tables ``clicks`` and ``events`` in the form of the contract.

    ``origin`` and ``observed_until`` are microseconds, the first from 1970 (UTC), the second from the origin
    (None: the last click or event). ``cardinalities`` are those that the format publishes; ids outside them go
    to quarantine. ``read_as`` says which of its shapes the source had, where the format has several.
    """

    origin: int
    observed_until: int | None
    features: tuple[str, ...]
    skipped: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    cardinalities: dict[str, int] = field(default_factory=dict)
    read_as: str | None = None


@dataclass(frozen=True, slots=True)
class Importer:
    """One public format.

    Parameters
    ----------
    layout : of the source files, or what makes it of the first file's path and first line.
    build : given a connection with the tables ``source`` (text columns of the layout, and ``line``) and
        ``rejected`` (source_row, reason), and what the user chose: make ``clicks`` and ``events``, and add to
        ``rejected`` every row that is in neither.
    opens : what may open a journey; the first one is the default.
    attribution : default attribution window, in microseconds.
    shards : whether the source may be a directory of files.
    mapped : whether a mapping file may go with it.
    unattributed : reasons of rows that have no journey by the log's nature.
    """

    format: str
    description: str
    layout: Layout | Callable[[Path, str], Layout]
    build: Callable[[duckdb.DuckDBPyConnection, Choices], Journeys]
    opens: tuple[str, ...]
    attribution: int
    shards: bool = False
    mapped: bool = False
    unattributed: tuple[str, ...] = ()


IMPORTERS: Family[Importer] = Family("importer", "importers", "simulator.log.importers", Importer)


def import_log(
    format: str,  # noqa: A002 - the word of the command line
    source: Path,
    out: Path,
    *,
    opens: Opens = "view",
    attribution: int | None = None,
    mapping: Path | None = None,
    on_bad_row: Literal["quarantine", "fail"] = "quarantine",
    replace: bool = False,
) -> Meta:
    """Import the file ``source`` of a public format (or a directory of its shards) as a log in ``out``.

    Parameters
    ----------
    opens : whether a view or a cart opens a journey; a format that has neither takes only the default.
    attribution : window in microseconds inside which an event belongs to its click; default: that of the
        format.
    mapping : file that maps raw feature values to ids (cascade, trace); read as data, never run.

    Raises
    ------
    UsageError If the format is unknown, the source is not there or not of that format, an option does not fit
        it, or ``out`` exists and ``replace`` is not set.
    LogError If no row of the source can be replayed, or a row is bad and ``on_bad_row`` is "fail".
    """
    if format not in IMPORTERS:
        raise UsageError(unknown("log format", format, IMPORTERS))
    importer = IMPORTERS[format]
    choices = _choices(importer, opens, attribution, mapping)
    if out.exists() and not replace:  # said before the source is read; `ingest` checks the rest
        raise UsageError(f"{out}: exists already; choose another place, or replace it (--replace)")
    files = source_files(source, shards=importer.shards)
    layout = importer.layout
    if not isinstance(layout, Layout):
        layout = layout(files[0], first_line(files[0]))
    with workspace(out) as con:
        try:
            rows = read_source(con, files, layout)
            with calling(importer.build, "build", f"{rows} rows", f"importer {format!r}", duckdb.Error):
                journeys = _built(importer, con, choices)
            con.execute(
                "CREATE VIEW put_aside AS SELECT 'source' AS source, reason, '' AS col, CASE WHEN list_contains("
                f"[{', '.join(map(literal, importer.unattributed))}]::VARCHAR[], reason) THEN 'unattributed' ELSE 'bad' END "
                "AS class, source_row AS row FROM rejected"
            )
        except duckdb.Error as error:
            raise LogError(f"{source}: cannot be imported as {format} ({one_line(error)})") from None
        provenance: dict[str, Any] = {
            "format": format,
            "source": source.name,
            "source_rows": rows,
            "read_as": journeys.read_as,
            "opens": choices.opens,
            "attribution": format_duration(choices.attribution),
            "mapping": None if mapping is None else mapping.name,
            "skipped": journeys.skipped,
            "notes": journeys.notes,
        }
        return ingest(
            con,
            clicks="clicks",
            events="events",
            out=out,
            name=out.name,
            origin=from_epoch(journeys.origin),
            features=journeys.features,
            provenance=provenance,
            on_bad_row=on_bad_row,
            cardinalities=journeys.cardinalities,
            observed_until=journeys.observed_until,
            extra_quarantine="put_aside",
            source=str(source),
            replace=replace,
            ignored=journeys.skipped,
            notes=journeys.notes,
        )


def _built(importer: Importer, con: duckdb.DuckDBPyConnection, choices: Choices) -> Journeys:
    journeys: object = importer.build(con, choices)
    tables = con.execute("SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views()")
    made = {name for (name,) in tables.fetchall()}
    if not isinstance(journeys, Journeys) or not {"clicks", "events"} <= made:
        told = "a Journeys" if isinstance(journeys, Journeys) else f"a {type(journeys).__name__}"
        raise PartError(
            f"build returned {told}; it must make the tables clicks and events, and return a Journeys"
        )
    return journeys


def _choices(importer: Importer, opens: Opens, attribution: int | None, mapping: Path | None) -> Choices:
    """Settle what was not chosen; refuse what the format does not know."""
    name, first = importer.format, importer.opens[0]
    if opens != "view" and opens not in importer.opens:
        raise UsageError(f"{name}: has no {opens}s, so {first} opens the journey; leave --opens out")
    if mapping is not None and not importer.mapped:
        told = ", ".join(sorted(form for form, other in IMPORTERS.items() if other.mapped))
        raise UsageError(f"{name}: takes no mapping file (those that do: {told}); leave --mapping out")
    window = importer.attribution if attribution is None else attribution
    if window <= 0:
        raise UsageError(f"attribution window {format_duration(window)}: must be longer than 0s")
    return Choices(opens if opens in importer.opens else first, window, mapping)
