"""Turn any clicks and events that DuckDB can read into a log: checked, sorted once, nothing lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from simulator.errors import LogError, UsageError
from simulator.log.account import check_most_bad, put_aside
from simulator.log.dayfiles import DayFiles
from simulator.log.directory import NewDirectory
from simulator.log.fingerprint import fingerprint, parquet_files
from simulator.log.folders import click_schema, event_files, event_schema, impression_schema
from simulator.log.intake.spans import main_span
from simulator.log.meta import Aside, Meta, origin_utc, read_meta, write_meta
from simulator.log.quarantine import check_strays, collect, stage_clicks, stage_events
from simulator.log.quarantine_impressions import sorted_impressions, stage_impressions
from simulator.log.reasons import Rules
from simulator.log.refunds import settle_refunds
from simulator.log.schema import ROW_GROUP, Feature, column_names
from simulator.log.sql import identifier, kind_rank, literal, one_line
from simulator.log.staging import good

QUARANTINE = "quarantine.parquet"
PLAIN = Rules(duplicates="keep")


def ingest(
    con: duckdb.DuckDBPyConnection,
    *,
    clicks: str,
    events: str,
    impressions: str | None = None,
    out: Path,
    name: str,
    origin: datetime,
    features: Sequence[str],
    provenance: dict[str, Any],
    on_bad_row: Literal["quarantine", "fail"] = "quarantine",
    cardinalities: dict[str, int] | None = None,
    shapes: Mapping[str, Feature] | None = None,
    observed_until: int | None = None,
    extra_quarantine: str | None = None,
    source: str | None = None,
    replace: bool = False,
    rules: Rules = PLAIN,
    most_bad: float = 1.0,
    ignored: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
    time_zone: str = "UTC",
) -> Meta:
    """Check, sort and write a log from two views of ``con`` with the columns of the contract.

    Rows that cannot be replayed go to ``quarantine.parquet``, each with a reason
    (`simulator.log.quarantine`), so that ``read = clicks + events + quarantined``. Everything is staged on
    disk: logs may be larger than memory.

    Parameters
    ----------
    con : connection that knows the views, preferably of `simulator.log.sql.workspace`.
    clicks, events : names of views or tables; ``click_row`` is not among the columns of events, it is added
        here. With ``rules.raw`` they have ``_row``, the place of each row in the table of that name. Events may have
        ``arrival_time``, when each became known (null: when it happened).
    impressions : name of a view or table of what was shown, with the features of clicks, where that is known;
        ``click_id`` is null where nobody clicked.
    features : columns of the features in ``clicks``.
    cardinalities : sizes of features; one that is not named gets its largest id plus one.
    shapes : features that are not categorical, by name, with kind and width; ``clicks`` holds their
        `Feature.columns`. Their cardinality counts only as a lower bound where ``cardinalities`` does not say.
    observed_until : instant up to which events were recorded; default: the last click or event that is no stray.
    extra_quarantine : view (source, reason, col, class, row) of rows that were put aside before.
    source : where the rows come from, for messages; default: ``name``.
    most_bad : share of clicks, or of events, that may be bad.
    ignored : rows that were left out by their kind, by what they are; they are in neither count.
    notes : sentences on the log that go with it.

    Raises
    ------
    LogError : ``out`` exists (and not ``replace``), no click is left, or a row is bad and ``on_bad_row`` is "fail".
    UsageError : more than ``most_bad`` of the rows are bad, or all of a kind.
    """
    told = name if source is None else source
    named = [(shapes or {}).get(feature, Feature(feature, 1)) for feature in features]
    features, sizes = column_names(named), cardinalities or {}
    sizes_of_columns = {c: sizes[f.name] for f in named for c in f.columns if f.name in sizes}
    tags = {c for f in named if f.tags for c in f.columns}
    _check_names(told, features)
    said = list(notes)
    with NewDirectory(out, replace=replace) as directory:
        staging = directory.path / "staging.duckdb"
        con.execute(f"ATTACH {literal(str(staging))} AS staging")
        try:
            reused = stage_clicks(con, clicks, features, sizes_of_columns, rules, tags)
            if reused:
                said.append(
                    f"{reused:,} click ids are used again later: events go to the latest click with that id before them"
                )
            _sort_clicks(con, features)
            arrivals = _has_arrivals(con, events)
            stage_events(con, events, rules, reused=reused > 0, arrivals=arrivals)
            last = _last_event(con)
            check_strays(con, rules, last)
            cut = settle_refunds(con, rules)
            if cut:
                said.append(f"{cut:,} refunds are of more than was left to refund; they count up to that")
            collect(con, features, extra_quarantine, rules)
            if impressions is not None:
                stage_impressions(
                    con, impressions, features, sizes_of_columns, rules, tags, reused=reused > 0
                )
            aside = put_aside(con)
            _refuse(aside, told, fail=on_bad_row == "fail")
            facts = _facts(
                con,
                told,
                aside,
                named,
                sizes,
                _last_arrival(con) if arrivals else last,
                shown=impressions is not None,
            )
            check_most_bad(con, told, aside, most_bad)
            event_count = _write(con, directory.path, features, arrivals=arrivals)
            shown = 0 if impressions is None else _write_impressions(con, directory.path, features)
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
            quarantined=sum(part.rows for part in aside),
            start=facts.start,
            observed_until=facts.end if observed_until is None else observed_until,
            fingerprint=fingerprint(directory.path, parquet_files(directory.path)),
            provenance=provenance,
            reasons=_by_reason(aside),
            aside=tuple(aside),
            ignored=dict(ignored or {}),
            notes=tuple(said),
            time_zone=time_zone,
            arrivals=arrivals,
            impressions=shown,
        )
        write_meta(directory.path, meta)
        directory.commit()
    return read_meta(out)


def _last_event(con: duckdb.DuckDBPyConnection) -> int:
    """Return the time of the last event with a click that is no stray, or -1."""
    span = main_span(con, "staging.joined", "reason IS NULL")
    [(last_click,)] = con.execute("SELECT max(time) FROM staging.sorted_clicks").fetchall()
    return max(-1 if span is None else span.last, -1 if last_click is None else int(last_click))


def _last_arrival(con: duckdb.DuckDBPyConnection) -> int:
    """Return when the last good event became known, or -1."""
    [(last,)] = con.execute("SELECT max(arrival_time) FROM staging.joined WHERE reason IS NULL").fetchall()
    return -1 if last is None else int(last)


def _by_reason(aside: Sequence[Aside]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in aside:
        found[part.reason] = found.get(part.reason, 0) + part.rows
    return dict(sorted(found.items()))


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
        f"CREATE TABLE staging.sorted_clicks AS SELECT _row, click_id, time, user_id, item_id{typed} "
        "FROM staging.clicks ANTI JOIN staging.bad_clicks AS bad ON clicks.rowid = bad._rid "
        "ORDER BY time, click_id"
    )


def _refuse(aside: Sequence[Aside], name: str, *, fail: bool) -> None:
    """Where no row may be bad, say so with an example of each."""
    bad = [part for part in aside if part.kind == "bad"]
    if bad and fail:
        lines = [f"  {part.told}: {part.rows:,}, such as {part.table} {part.example}" for part in bad]
        total = sum(part.rows for part in bad)
        what = f"{total:,} bad row{'s' * (total != 1)}"
        raise LogError(f"{name}: {what}, and on_bad_row is 'fail'\n" + "\n".join(lines))


def _facts(
    con: duckdb.DuckDBPyConnection,
    name: str,
    aside: Sequence[Aside],
    features: Sequence[Feature],
    cardinalities: dict[str, int],
    last: int,
    *,
    shown: bool,
) -> _Facts:
    largest = "".join(
        f", max(greatest({', '.join(map(identifier, feature.columns))}))" for feature in features
    )
    query = "SELECT count(*), min(time), max(time)" + largest
    count, start, end, *ids = con.execute(f"{query} FROM staging.sorted_clicks").fetchall()[0]
    if not count:
        bad = "".join(f"\n  {part.told}: {part.rows:,}, such as {part.example}" for part in aside)
        why = f"; what became of its rows:{bad}" if bad else ", and no bad row either: it is empty"
        raise UsageError(f"{name}: no click is left to replay{why}")
    if shown:
        _, _, *also = con.execute(f"{query} FROM ({good('impressions')})").fetchall()[0]
        end, *ids = (
            max(one, -1 if other is None else other) for one, other in zip((end, *ids), also, strict=True)
        )
    sized = tuple(
        replaced(f, cardinality=cardinalities.get(f.name, max(f.cardinality, largest_id + 1)))
        for f, largest_id in zip(features, ids, strict=True)
    )
    return _Facts(sized, count, start, max(end, last))


def _write(con: duckdb.DuckDBPyConnection, root: Path, features: Sequence[str], *, arrivals: bool) -> int:
    """Write the three kinds of files; return the number of events."""
    schema = click_schema(features)
    _stream(
        con,
        "SELECT * EXCLUDE (_row) FROM staging.sorted_clicks",
        DayFiles(root, schema, {"clicks": schema.names}),
        schema,
    )
    query = f"""
        SELECT event_id, click_id, joined.time, kind, coalesce(refunded.amount, joined.amount) AS amount, joined.click_row
            {", arrival_time" if arrivals else ""}
        FROM staging.joined ANTI JOIN staging.bad_events AS bad ON joined._rid = bad._rid
        LEFT JOIN (SELECT _rid, amount FROM staging.refunded) AS refunded ON joined._rid = refunded._rid
        ORDER BY {"arrival_time, " if arrivals else ""}joined.time, {kind_rank("kind")}, event_id
    """
    events = _stream(con, query, event_files(root, arrivals=arrivals), event_schema(arrivals=arrivals))
    con.execute(
        "COPY (SELECT * EXCLUDE (_rid) FROM staging.quarantine ORDER BY source, _rid, reason, row) "
        f"TO {literal(str(root / QUARANTINE))} (FORMAT parquet, COMPRESSION zstd)"
    )
    return events


def _write_impressions(con: duckdb.DuckDBPyConnection, root: Path, features: Sequence[str]) -> int:
    schema = impression_schema(features)
    if len(set(schema.names)) < len(schema.names):
        raise LogError(f"features cannot be named like columns of impressions: {', '.join(schema.names)}")
    return _stream(
        con, sorted_impressions(features), DayFiles(root, schema, {"impressions": schema.names}), schema
    )


def _stream(con: duckdb.DuckDBPyConnection, query: str, files: DayFiles, schema: pa.Schema) -> int:
    rows = 0
    try:
        for batch in con.sql(query).to_arrow_reader(ROW_GROUP):
            files.write(pa.Table.from_arrays(batch.columns, schema=schema))
            rows += batch.num_rows
    finally:
        files.close()
    return rows
