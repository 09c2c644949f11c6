"""Turn any clicks and events that DuckDB can read into a log: checked, sorted once, nothing lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from simulator.errors import LogError
from simulator.log.dayfiles import DayFiles
from simulator.log.directory import NewDirectory
from simulator.log.fingerprint import fingerprint, parquet_files
from simulator.log.meta import origin_utc, read_meta, write_meta
from simulator.log.quarantine import KIND_RANK, collect, stage_clicks, stage_events
from simulator.log.schema import ROW_GROUP, Feature, Meta
from simulator.log.sql import identifier, literal, one_line
from simulator.log.writer import click_schema, event_files, event_schema

QUARANTINE = "quarantine.parquet"


def ingest(
    con: duckdb.DuckDBPyConnection,
    *,
    clicks: str,
    events: str,
    out: Path,
    name: str,
    origin: datetime,
    features: Sequence[str],
    provenance: dict[str, Any],
    on_bad_row: Literal["quarantine", "fail"] = "quarantine",
    cardinalities: dict[str, int] | None = None,
    observed_until: int | None = None,
    extra_quarantine: str | None = None,
    source: str | None = None,
    replace: bool = False,
) -> Meta:
    """Check, sort and write a log from two views of ``con`` with the columns of the contract.

    Rows that cannot be replayed go to ``quarantine.parquet``, each with a reason
    (`simulator.log.quarantine`), so that ``read = clicks + events + quarantined``. Everything is staged on
    disk: logs may be larger than memory.

    Parameters
    ----------
    con : connection that knows the views, preferably of `simulator.log.sql.workspace`.
    clicks, events : names of views or tables; ``click_row`` is not among the columns of events, it is added
        here. Events may have ``arrival_time``, when each became known (null: when it happened).
    cardinalities : sizes of features; one that is not named gets its largest id plus one.
    observed_until : instant up to which events were recorded; default: the last click or event.
    extra_quarantine : view (source_row, reason) of rows that were rejected before.
    source : where the rows come from, for messages; default: ``name``.

    Raises
    ------
    LogError If ``out`` exists (and not ``replace``), no click is left, or a row is bad and ``on_bad_row`` is
        "fail".
    """
    told = name if source is None else source
    _check_names(told, features)
    with NewDirectory(out, replace=replace) as directory:
        staging = directory.path / "staging.duckdb"
        con.execute(f"ATTACH {literal(str(staging))} AS staging")
        try:
            stage_clicks(con, clicks, features, cardinalities or {})
            _sort_clicks(con, features)
            arrivals = _has_arrivals(con, events)
            stage_events(con, events, arrivals=arrivals)
            collect(con, features, extra_quarantine)
            reasons = _reasons(con, told, fail=on_bad_row == "fail")
            facts = _facts(con, told, features, cardinalities or {}, arrivals=arrivals)
            event_count = _write(con, directory.path, features, arrivals=arrivals)
        except duckdb.Error as error:
            raise LogError(f"{told}: cannot be read ({one_line(error)})") from None
        finally:
            con.execute("DETACH staging")
        staging.unlink()
        meta = Meta(
            name=name,
            origin=origin_utc(origin),
            features=facts.features,
            clicks=facts.clicks,
            events=event_count,
            quarantined=sum(reasons.values()),
            start=facts.start,
            observed_until=facts.end if observed_until is None else observed_until,
            fingerprint=fingerprint(directory.path, parquet_files(directory.path)),
            provenance=provenance,
            reasons=reasons,
            arrivals=arrivals,
        )
        write_meta(directory.path, meta)
        directory.commit()
    return read_meta(out)


@dataclass(frozen=True, slots=True)
class _Facts:
    features: tuple[Feature, ...]
    clicks: int
    start: int
    end: int


def _has_arrivals(con: duckdb.DuckDBPyConnection, events: str) -> bool:
    """Whether the events say when they became known."""
    columns = con.execute(f"DESCRIBE SELECT * FROM {identifier(events)}").fetchall()
    return "arrival_time" in {str(column[0]) for column in columns}


def _check_names(name: str, features: Sequence[str]) -> None:
    """Refuse feature names that would meet another column (DuckDB does not tell upper case from lower)."""
    taken = {"click_id", "time", "user_id", "item_id"}
    for feature in features:
        if feature.lower() in taken:
            raise LogError(
                f"{name}: a feature cannot be named {feature!r}, since another column of clicks is"
            )
        taken.add(feature.lower())


def _sort_clicks(con: duckdb.DuckDBPyConnection, features: Sequence[str]) -> None:
    """Sort the good clicks; in the new table ``rowid`` is the position in replay order."""
    typed = "".join(f", {identifier(f)}::INTEGER AS {identifier(f)}" for f in features)
    con.execute(
        f"CREATE TABLE staging.sorted_clicks AS SELECT click_id, time, user_id, item_id{typed} "
        "FROM staging.clicks ANTI JOIN staging.bad_clicks AS bad ON clicks.rowid = bad._rid "
        "ORDER BY time, click_id"
    )


def _reasons(con: duckdb.DuckDBPyConnection, name: str, *, fail: bool) -> dict[str, int]:
    """Count the bad rows by reason; if they must not be, say so with an example of each."""
    rows = con.execute(
        "SELECT reason, count(*), arg_min(source || ' ' || row, (source, _rid, row)) FROM staging.quarantine "
        "GROUP BY reason ORDER BY reason"
    ).fetchall()
    if rows and fail:
        lines = [f"  {reason}: {count:,}, such as {example}" for reason, count, example in rows]
        total = sum(count for _, count, _ in rows)
        bad = f"{total:,} bad row{'s' * (total != 1)}"
        raise LogError(f"{name}: {bad}, and on_bad_row is 'fail'\n" + "\n".join(lines))
    return {reason: count for reason, count, _ in rows}


def _facts(
    con: duckdb.DuckDBPyConnection,
    name: str,
    features: Sequence[str],
    cardinalities: dict[str, int],
    *,
    arrivals: bool,
) -> _Facts:
    largest = "".join(f", max({identifier(feature)})" for feature in features)
    query = f"SELECT count(*), min(time), max(time){largest} FROM staging.sorted_clicks"
    count, start, end, *ids = con.execute(query).fetchall()[0]
    if not count:
        bad = "".join(f"\n  {reason}: {rows:,}" for reason, rows in _reasons(con, name, fail=False).items())
        why = f"; what became of its rows:{bad}" if bad else ", and no bad row either: it is empty"
        raise LogError(f"{name}: no click is left to replay{why}")
    known = "arrival_time" if arrivals else "time"
    [(last,)] = con.execute(f"SELECT max({known}) FROM staging.joined WHERE reason IS NULL").fetchall()
    sizes = [
        cardinalities.get(feature, largest_id + 1) for feature, largest_id in zip(features, ids, strict=True)
    ]
    return _Facts(tuple(map(Feature, features, sizes)), count, start, end if last is None else max(end, last))


def _write(con: duckdb.DuckDBPyConnection, root: Path, features: Sequence[str], *, arrivals: bool) -> int:
    """Write the three kinds of files; return the number of events."""
    schema = click_schema(features)
    _stream(
        con, "SELECT * FROM staging.sorted_clicks", DayFiles(root, schema, {"clicks": schema.names}), schema
    )
    query = f"""
        SELECT event_id, click_id, time, kind, amount, click_row{", arrival_time" if arrivals else ""}
        FROM staging.joined ANTI JOIN staging.bad_events AS bad ON joined._rid = bad._rid
        ORDER BY {"arrival_time, " if arrivals else ""}time, {KIND_RANK.format("kind")}, event_id
    """
    events = _stream(con, query, event_files(root, arrivals=arrivals), event_schema(arrivals=arrivals))
    con.execute(
        "COPY (SELECT * EXCLUDE (_rid) FROM staging.quarantine ORDER BY source, _rid, reason, row) "
        f"TO {literal(str(root / QUARANTINE))} (FORMAT parquet, COMPRESSION zstd)"
    )
    return events


def _stream(con: duckdb.DuckDBPyConnection, query: str, files: DayFiles, schema: pa.Schema) -> int:
    rows = 0
    try:
        for batch in con.sql(query).to_arrow_reader(ROW_GROUP):
            files.write(pa.Table.from_arrays(batch.columns, schema=schema))
            rows += batch.num_rows
    finally:
        files.close()
    return rows
