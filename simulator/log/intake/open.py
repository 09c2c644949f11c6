"""A user's own files as a log: mapped and ingested once, then found in the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from simulator.clock import UTC_CLOCK
from simulator.errors import LogError, UsageError
from simulator.locks import alone
from simulator.log.ingest import ingest
from simulator.log.intake import events, purchases, rows, touches
from simulator.log.intake.files import find
from simulator.log.intake.rejected import set_aside_outside
from simulator.log.intake.shown import SEEN, learn_with_clicks
from simulator.log.intake.spans import main_span, midnight
from simulator.log.intake.staged import HAPPENED, OPENED, Staged, left_out
from simulator.log.intake.tables import REJECTED, create_rejected
from simulator.log.intake.times import absolute, year_of
from simulator.log.intake.views import make_views
from simulator.log.intake.vocabulary import number
from simulator.log.meta import Meta, check_files, from_epoch, read_meta
from simulator.log.reasons import Rules
from simulator.log.sql import one_line, workspace
from simulator.scenario.data import DataBlock
from simulator.scenario.model import Scenario
from simulator.scenario.timeline import stream_gap
from simulator.sources import sources_of
from simulator.units import DAY, format_duration
from simulator.windows import Windows

_EARLIEST, _LATEST = (UTC_CLOCK.at(date(year, 1, 1)) for year in (2, 9990))
"""What calendars can say, in microseconds from 1970."""
_NOT_IDENTITY = {
    "path",
    "made_by",
    "time_features",
    "on_bad_row",
    "clicks",
    "events",
    "impressions",
    "touches",
    "rows",
    "purchases",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What of a scenario, beside ``[data]``, shapes its log: the windows, and which clicks are history."""

    windows: Windows
    history: int
    gap: int
    start: int | None

    @classmethod
    def of(cls, scenario: Scenario) -> Settings:
        """Take them from a scenario."""
        stream = scenario.stream
        return cls(scenario.windows.windows(), stream.history, stream_gap(scenario), stream.start)

    def history_end(self, log_start: int) -> int:
        """Return until when clicks may be learnt from, on a log whose first click is at ``log_start``."""
        begin = log_start // DAY * DAY + self.history + self.gap if self.start is None else self.start
        return begin - self.gap


def open_own(data: DataBlock, settings: Settings, cache: Path) -> Path:
    """Return the log that the files of ``data`` make, ingesting them unless the ``cache`` has it.

    The name in the cache is a hash of the settings and of the files' paths, sizes and times of change; remote
    files (``s3://``, ``https://``) count by their name alone.

    Raises
    ------
    LogError : see `make_log`.
    """
    out = cache / key_of(data, settings)
    with alone(cache, out.name):
        try:
            check_files(out, read_meta(out))
        except LogError:
            make_log(data, settings, out, replace=True)
    return out


def make_log(
    data: DataBlock,
    settings: Settings,
    out: Path,
    *,
    replace: bool = False,
    provenance: Mapping[str, Any] | None = None,
) -> Meta:
    """Map and ingest the files of ``data`` into the log ``out``.

    Times are counted from the local midnight (of ``data.time_zone``) before the first click.

    Raises
    ------
    UsageError : a file or column is missing, a column holds what its key does not allow, or more rows are bad than
        ``data.most_bad`` allows.
    LogError : a file cannot be read, or a row is bad and ``data.on_bad_row`` is "fail".
    """
    told = ", ".join(pattern for patterns in data.sources.values() for pattern in patterns)
    with workspace(out) as con:
        create_rejected(con)
        try:
            staged = _stage(con, data, settings)
            _note(staged, data)
            zone = data.time_zone
            if data.shape not in ("touches", "purchases"):  # their actions were told apart before
                set_aside_outside(con, OPENED, staged.clicks, data)
                set_aside_outside(con, HAPPENED, staged.events, data)
            if staged.shown is not None:
                set_aside_outside(con, SEEN, staged.shown, data)
                learn_with_clicks(con)
            span = main_span(con, OPENED)
            if span is None:
                raise UsageError(
                    f"{told}: no click has a time that can be read{_opens(data, staged)}; {_rejected(con)}"
                )
            if not _EARLIEST <= span.first <= span.last <= _LATEST:
                raise UsageError(
                    f"{told}: clicks lie from the year {year_of(span.first)} to {year_of(span.last)}; look at time_unit and "
                    "time_format, or say by [data] between which of them are meant"
                )
            origin = midnight(span.first, zone)
            history = settings.history_end(span.first - origin) + origin
            ids = number(con, staged, data, f"time < {history}")
            make_views(con, staged, ids, origin, arrivals=data.columns.arrival_time is not None)
        except duckdb.Error as error:
            raise LogError(f"{told}: cannot be read ({one_line(error)})") from None
        return ingest(
            con,
            clicks="clicks",
            events="events",
            impressions=None if staged.shown is None else "impressions",
            out=out,
            name=Path(told.split(", ")[0]).name.split(".")[0] or "log",
            origin=from_epoch(origin),
            features=[feature.name for feature in ids.features],
            provenance={
                "format": data.format or data.shape,
                "sources": {key: list(value) for key, value in data.sources.items()},
                "source_rows": staged.rows,
                "made": staged.made,
                "opens": {"touches": data.opens, "purchases": "purchase"}.get(data.shape or ""),
                "attribution": None
                if data.shape == "events"
                else format_duration(_attribution(data, settings)),
                "vocabulary_until": history - origin,
                "nulls": {name: round(share, 6) for name, share in ids.nulls.items()},
                **(provenance or {}),
            },
            on_bad_row=data.on_bad_row,
            cardinalities={feature.name: feature.cardinality for feature in ids.features},
            observed_until=_observed_until(data, origin, zone, staged.last),
            extra_quarantine=REJECTED,
            source=told,
            replace=replace,
            rules=Rules(
                raw={key: table.name for key, table in staged.tables.items()},
                labels=staged.labels,
                by_row=data.shape != "events",
                own_ids="event_id" in staged.numbers,
                unique=data.shape in ("touches", "purchases"),
                duplicates="keep" if data.shape == "rows" else data.duplicates,
                refunded_share=data.refunded_share,
                attribution=_attribution(data, settings),
                lifetime=settings.windows.lifetime,
                first=span.first - origin,
                last=span.last - origin,
            ),
            most_bad=data.most_bad,
            shapes={feature.name: feature for feature in ids.features},
            ignored={what: count for what, count in staged.ignored.items() if count},
            notes=[*staged.notes, *ids.notes],
            time_zone=zone,
        )


def _attribution(data: DataBlock, settings: Settings) -> int:
    return settings.windows.attribution if data.attribution is None else data.attribution


def _stage(con: duckdb.DuckDBPyConnection, data: DataBlock, settings: Settings) -> Staged:
    attribution = _attribution(data, settings)
    match data.shape:
        case "touches":
            return touches.stage(con, data, attribution, settings.windows.refund)
        case "rows":
            return rows.stage(con, data)
        case "purchases":
            return purchases.stage(con, data, attribution)
        case _:
            return events.stage(con, data)


def _note(staged: Staged, data: DataBlock) -> None:
    """Keep what is to be said of the tables, whatever their shape."""
    for table in {id(table): table for table in staged.tables.values()}.values():
        if table.excluded:
            staged.ignored[f"rows of {table.key} that [data.read] where leaves out"] = table.excluded
    staged.notes += left_out(staged.clicks, data)


def _opens(data: DataBlock, staged: Staged) -> str:
    if data.shape != "touches":
        return ""
    others = ", ".join(f"{count:,} {kind}" for kind, count in staged.kinds.items())
    return f" and is a {data.opens} ([data] opens)" + (f"; it holds {others}" if others else "")


def _rejected(con: duckdb.DuckDBPyConnection) -> str:
    found = con.execute(
        f"SELECT reason, col, count(*), min(row) FROM {REJECTED} GROUP BY ALL ORDER BY 3 DESC LIMIT 3"
    ).fetchall()
    if not found:
        return "nothing was put aside before"
    named = [
        (count, f"{reason} ({column})" if column else reason, row) for reason, column, count, row in found
    ]
    return "; ".join(f"{count:,}: {reason}, such as {row:.200}" for count, reason, row in named)


def _observed_until(data: DataBlock, origin: int, zone: str, last: int | None) -> int | None:
    if data.observed_until is None:
        return None if last is None else last - origin
    until = absolute(data.observed_until, origin, zone) - origin
    if until <= 0:
        raise UsageError(
            f"[data] observed_until = {data.observed_until}: lies before the first click of the log"
        )
    return until


def key_of(data: DataBlock, settings: Settings) -> str:
    """Return what identifies the log that files make: by the settings, and the files' paths, sizes and times of change."""
    stats = {
        key: [_stat(file.path) for file in find(key, patterns, data.read)]
        for key, patterns in data.sources.items()
    }
    described = {
        "data": data.model_dump(mode="json", exclude=_NOT_IDENTITY),
        "bad": data.on_bad_row,
        "windows": astuple(settings.windows),
        "history": [settings.history, settings.gap, settings.start],
        "files": stats,
        "by": sources_of(Path(__file__).parent),
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _stat(path: str) -> tuple[str, int, int]:
    if "://" in path:
        return path, 0, 0
    stat = Path(path).stat()
    return str(Path(path).resolve()), stat.st_size, stat.st_mtime_ns
