"""What an importer is, and the way from source files to a log that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any, Literal

import duckdb

from simulator.calls import calling
from simulator.errors import LogError, PartError, UsageError, unknown
from simulator.log.importers.source import Layout, first_line, read_source, source_files
from simulator.log.ingest import PLAIN, ingest
from simulator.log.meta import Meta, from_epoch
from simulator.log.opens import Opens
from simulator.log.schema import Feature
from simulator.log.sql import literal, one_line, workspace
from simulator.plugins import Family
from simulator.units import format_duration


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chose.

    Parameters
    ----------
    opens : the opener of journeys.
    attribution : window in microseconds.
    mapping : a mapping file.
    sources : the files that are read.
    common : files of features that several rows have in common: one for each source, or one for all.
    fields, min_count : see `import_log`.
    """

    opens: str
    attribution: int
    mapping: Path | None = None
    sources: tuple[Path, ...] = ()
    common: tuple[Path, ...] = ()
    fields: str = "18"
    min_count: int = 10


@dataclass(frozen=True, slots=True)
class Journeys:
    """What an importer made in the connection: tables ``clicks`` and ``events`` in the form of the contract.

    ``origin`` and ``observed_until`` are microseconds, the first from 1970 (UTC), the second from the origin
    (None: the last click or event). ``cardinalities`` are those that the format publishes; ids outside them go
    to quarantine. ``read_as`` says which of its shapes the source had, where the format has several. ``shapes`` are the
    features that are not categorical. With ``impressions`` there is a third table of what was shown, and ids are unique.
    ``provenance`` is what else the log shall say of its source.
    """

    origin: int
    observed_until: int | None
    features: tuple[str, ...]
    skipped: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    cardinalities: dict[str, int] = field(default_factory=dict)
    read_as: str | None = None
    shapes: Mapping[str, Feature] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    impressions: bool = False


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
    example : a few lines of such a file, for the conformance kit; a format that can be exported needs none.
    names, common : what the files are called in a directory that is named instead of them (the first one must be there;
        further ones may be), and those of the features in common. Where there are names, as many files may be given.
    options : which of ``fields`` and ``min_count`` the format takes.
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
    example: str = ""
    names: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


IMPORTERS: Family[Importer] = Family("importer", "importers", "simulator.log.importers", Importer)


def import_log(
    format: str,  # noqa: A002 - the word of the command line
    source: Path | Sequence[Path],
    out: Path,
    *,
    opens: Opens = "view",
    attribution: int | None = None,
    mapping: Path | None = None,
    common: Sequence[Path] = (),
    fields: Literal["18", "23"] | None = None,
    min_count: int | None = None,
    on_bad_row: Literal["quarantine", "fail"] = "quarantine",
    replace: bool = False,
) -> Meta:
    """Import the file ``source`` of a public format (or a directory of its shards, or several files) as a log in ``out``.

    Parameters
    ----------
    opens : whether a view or a cart opens a journey; a format that has neither takes only the default.
    attribution : window in microseconds inside which an event belongs to its click; default: that of the
        format.
    mapping : file that maps raw feature values to ids (cascade, trace); read as data, never run.
    common : files of common features (ali-ccp), one for each source or one for all.
    fields : the 18 fields with one id that models take (default), or all 23 (ali-ccp).
    min_count : values seen that often or fewer in the training file become id 0 (ali-ccp; default: 10, as published; the
        public code folds those seen 11 times too). 0: values are ids already, and stay what they are.

    Raises
    ------
    UsageError If the format is unknown, the source is not there or not of that format, an option does not fit
        it, or ``out`` exists and ``replace`` is not set.
    LogError If no row of the source can be replayed, or a row is bad and ``on_bad_row`` is "fail".
    """
    if format not in IMPORTERS:
        raise UsageError(unknown("log format", format, IMPORTERS))
    importer = IMPORTERS[format]
    given = (source,) if isinstance(source, Path) else tuple(source)
    choices = _choices(importer, opens, attribution, mapping, fields, min_count)
    if out.exists() and not replace:  # said before the source is read; `ingest` checks the rest
        raise UsageError(f"{out}: exists already; choose another place, or replace it (--replace)")
    files, also = _files(importer, given, tuple(common))
    choices = replaced(choices, sources=tuple(files), common=also)
    named = ", ".join(map(str, given))
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
            raise LogError(f"{named}: cannot be imported as {format} ({one_line(error)})") from None
        provenance: dict[str, Any] = {
            "format": format,
            "source": " ".join(path.name for path in given),
            "source_rows": rows,
            "read_as": journeys.read_as,
            "opens": choices.opens,
            "attribution": format_duration(choices.attribution),
            "mapping": None if mapping is None else mapping.name,
            "skipped": journeys.skipped,
            "notes": journeys.notes,
            **journeys.provenance,
        }
        return ingest(
            con,
            clicks="clicks",
            events="events",
            impressions="impressions" if journeys.impressions else None,
            out=out,
            name=out.name,
            origin=from_epoch(journeys.origin),
            features=journeys.features,
            provenance=provenance,
            on_bad_row=on_bad_row,
            cardinalities=journeys.cardinalities,
            shapes=journeys.shapes,
            observed_until=journeys.observed_until,
            extra_quarantine="put_aside",
            source=named,
            replace=replace,
            rules=replaced(PLAIN, unique=journeys.impressions),
            ignored=journeys.skipped,
            notes=journeys.notes,
        )


def _built(importer: Importer, con: duckdb.DuckDBPyConnection, choices: Choices) -> Journeys:
    journeys: object = importer.build(con, choices)
    tables = con.execute("SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views()")
    made = {name for (name,) in tables.fetchall()}
    wanted = {"clicks", "events"} | ({"impressions"} if getattr(journeys, "impressions", False) else set())
    if not isinstance(journeys, Journeys) or not wanted <= made:
        told = "a Journeys" if isinstance(journeys, Journeys) else f"a {type(journeys).__name__}"
        raise PartError(
            f"build returned {told}; it must make the tables {' and '.join(sorted(wanted))}, and return a Journeys"
        )
    return journeys


def _files(
    importer: Importer, given: tuple[Path, ...], common: tuple[Path, ...]
) -> tuple[list[Path], tuple[Path, ...]]:
    """Return the source files, and those of common features; one directory may stand for all."""
    name = importer.format
    most = max(len(importer.names), 1)
    if not 1 <= len(given) <= most:
        told = (
            "one source"
            if most == 1
            else f"a training and a test file, or a directory of them ({', '.join(importer.names)})"
        )
        raise UsageError(f"{name}: takes {told}; {len(given)} given")
    if importer.names and len(given) == 1 and given[0].is_dir():
        folder = given[0]
        if not (folder / importer.names[0]).is_file():
            raise UsageError(f"{folder}: is a directory without {importer.names[0]}")
        files = [folder / file for file in importer.names if (folder / file).is_file()]
        common = common or tuple(folder / file for file in importer.common if (folder / file).is_file())
    elif importer.names:
        files = [path for one in given for path in source_files(one, shards=False)]
    else:
        files = source_files(given[0], shards=importer.shards)
    if common and not importer.common:
        raise UsageError(f"{name}: has no file of common features; leave --common out")
    if importer.common and not common:
        raise UsageError(f"{name}: needs --common FILE, the common features of its skeleton")
    return files, common


def _choices(
    importer: Importer,
    opens: Opens,
    attribution: int | None,
    mapping: Path | None,
    fields: str | None,
    min_count: int | None,
) -> Choices:
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
    asked = {"fields": fields, "min_count": min_count}
    chosen: dict[str, Any] = {option: value for option, value in asked.items() if value is not None}
    for option in chosen:
        if option not in importer.options:
            told = ", ".join(sorted(form for form, other in IMPORTERS.items() if option in other.options))
            flag = "--" + option.replace("_", "-")
            raise UsageError(f"{name}: takes no {flag} (those that do: {told}); leave it out")
    if min_count is not None and min_count < 0:
        raise UsageError(f"--min-count {min_count}: allowed: 0 (values are ids already) or more")
    if fields not in (None, "18", "23"):
        raise UsageError(f"--fields {fields}: allowed: 18 or 23")
    return Choices(opens if opens in importer.opens else first, window, mapping, **chosen)
