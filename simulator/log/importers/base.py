"""What an importer is, and the way from a source file to a log that all of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb

from simulator.errors import LogError, unknown
from simulator.log.importers.source import Layout, read_source
from simulator.log.ingest import ingest
from simulator.log.meta import from_epoch
from simulator.log.schema import Meta
from simulator.log.sql import one_line, workspace
from simulator.units import format_duration

Opens = Literal["view", "cart"]


@dataclass(frozen=True, slots=True)
class Journeys:
    """What an importer made in the connection: tables ``clicks`` and ``events`` in the form of the contract.

    ``origin`` and ``observed_until`` are microseconds, the first from 1970 (UTC), the second from the origin.
    """

    origin: int
    observed_until: int
    features: tuple[str, ...]
    skipped: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Importer:
    """One public format.

    Parameters
    ----------
    build : given a connection with the tables ``source`` (text columns of the layout, and ``line``) and
        ``rejected`` (source_row, reason), what opens a journey and the attribution window in microseconds:
        make ``clicks`` and ``events``, and add to ``rejected`` every row that is in neither.
    opens : what may open a journey; the first one is the default.
    attribution : default attribution window, in microseconds.
    """

    format: str
    description: str
    layout: Layout
    build: Callable[[duckdb.DuckDBPyConnection, str, int], Journeys]
    opens: tuple[str, ...]
    attribution: int


IMPORTERS: dict[str, Importer] = {}


def register(importer: Importer) -> Importer:
    """Add an importer to `IMPORTERS`; a format can have only one."""
    if importer.format in IMPORTERS:
        raise ValueError(f"there is an importer of {importer.format!r} already")
    IMPORTERS[importer.format] = importer
    return importer


def import_log(
    format: str,  # noqa: A002 - the word of the command line
    source: Path,
    out: Path,
    *,
    opens: Opens = "view",
    attribution: int | None = None,
    on_bad_row: Literal["quarantine", "fail"] = "quarantine",
    replace: bool = False,
) -> Meta:
    """Import the file ``source`` of a public format as a log in ``out``.

    Parameters
    ----------
    opens : whether a view or a cart opens a journey; a format that has neither takes only the default.
    attribution : window in microseconds inside which an event belongs to its click; default: that of the
        format.

    Raises
    ------
    LogError If the format is unknown, the source is not of that format, or ``out`` exists and ``replace`` is
        not set.
    """
    if format not in IMPORTERS:
        raise LogError(unknown("log format", format, IMPORTERS))
    importer = IMPORTERS[format]
    if opens == "cart" and "cart" not in importer.opens:
        raise LogError(f"{format}: has no carts, so {importer.opens[0]} opens the journey; leave --opens out")
    window = importer.attribution if attribution is None else attribution
    if window <= 0:
        raise LogError(f"attribution window {format_duration(window)}: must be longer than 0s")
    if out.exists() and not replace:  # said before the source is read; `ingest` checks the rest
        raise LogError(f"{out}: exists already; choose another place, or replace it (--replace)")
    with workspace(out) as con:
        try:
            rows = read_source(con, source, importer.layout)
            journeys = importer.build(con, opens if opens in importer.opens else importer.opens[0], window)
        except duckdb.Error as error:
            raise LogError(f"{source}: cannot be imported as {format} ({one_line(error)})") from None
        provenance: dict[str, Any] = {
            "format": format,
            "source": source.name,
            "source_rows": rows,
            "opens": opens if opens in importer.opens else importer.opens[0],
            "attribution": format_duration(window),
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
            observed_until=journeys.observed_until,
            extra_quarantine="rejected",
            source=str(source),
            replace=replace,
        )
