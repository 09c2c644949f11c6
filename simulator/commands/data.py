"""`import` and `export`: logs in and out of the house's form."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from simulator.commands.console import stdout, table
from simulator.errors import LogError, ScenarioError, unknown
from simulator.units import parse_duration


def import_log(
    form: str,
    source: Path,
    out: Path,
    *,
    opens: Literal["view", "cart"],
    attribution: str | None,
    on_bad_row: Literal["quarantine", "fail"],
    replace: bool,
) -> None:
    """Import a public log and print what was read, kept and put aside.

    Raises
    ------
    ScenarioError : an option is wrong.
    LogError : the source is not what it claims to be.
    """
    from simulator.log import importers  # noqa: PLC0415 - loads DuckDB

    if form not in importers.IMPORTERS:
        raise ScenarioError(unknown("format", form, importers.IMPORTERS))
    meta = importers.import_log(
        form,
        source,
        out,
        opens=opens,
        attribution=None if attribution is None else duration("--attribution", attribution),
        on_bad_row=on_bad_row,
        replace=replace,
    )
    rows = {"clicks": meta.clicks, "events": meta.events}
    rows |= {f"quarantined: {reason}": count for reason, count in sorted(meta.reasons.items())}
    rows |= {f"left out by design: {what}": count for what, count in meta.provenance["skipped"].items()}
    shown = table("", "rows", "what became of them")
    shown.title, shown.columns[0].justify = None, "right"
    for what, count in rows.items():
        shown.add_row(f"{count:,}", what)
    console = stdout()
    console.print(f"{out}: from {meta.provenance['source_rows']:,} rows of {source}", soft_wrap=True)
    console.print(shown)


def duration(option: str, text: str) -> int:
    """Read a duration that was given to an option."""
    try:
        return parse_duration(text.strip())
    except ValueError as error:
        raise ScenarioError(f"{option} {text}: {error}") from None


_FLAT = """
WITH click AS (SELECT * FROM read_parquet($clicks, hive_partitioning = false)),
event AS (SELECT click_id, event_id, time, kind, amount FROM {events}),
pay AS (
    SELECT click_id, min(event.time) AS first_pay, count(*) AS pays,
        sum(amount ORDER BY event.time, event_id) AS paid
    FROM event JOIN click USING (click_id)
    WHERE kind = 'pay' AND event.time - click.time BETWEEN 0 AND $attribution GROUP BY click_id),
refund AS (
    SELECT click_id, min(time) AS first_refund, sum(amount ORDER BY time, event_id) AS returned
    FROM event JOIN pay USING (click_id)
    WHERE kind = 'refund' AND time - first_pay BETWEEN 0 AND $refund GROUP BY click_id)
SELECT click.*,
    pays IS NOT NULL AS converted,
    returned IS NOT NULL AS refunded,
    coalesce(paid, 0.0) AS gmv,
    coalesce(returned, 0.0) AS refund_amount,
    CAST(coalesce(pays, 0) AS INTEGER) AS pay_count,
    first_pay,
    first_refund,
    click.time + $attribution + $refund <= $until AS final
FROM click LEFT JOIN pay USING (click_id) LEFT JOIN refund USING (click_id)
ORDER BY click.time, click_id
"""
_NO_EVENTS = "(SELECT 0 AS click_id, 0 AS event_id, 0 AS time, '' AS kind, 0.0 AS amount WHERE false)"


def export_log(log: Path, out: Path, windows: str, *, replace: bool) -> Path:
    """Write the clicks of a log with their final labels as one flat Parquet file; return where it is.

    Columns: those of the clicks, then converted, refunded, gmv, refund_amount, pay_count, first_pay and
    first_refund (microseconds from the origin; null where there is none), and ``final``: whether all windows
    of the click closed before the log ended. ``windows`` is "attribution,refund".

    Raises
    ------
    ScenarioError : the windows cannot be read, or the file exists.
    LogError : ``log`` is no log.
    """
    import duckdb  # noqa: PLC0415 - 80 ms that --help can do without

    from simulator.log.reader import Log  # noqa: PLC0415
    from simulator.log.sql import one_line, workspace  # noqa: PLC0415

    lengths = [duration("--windows", part) for part in windows.split(",")]
    if len(lengths) > 2:
        raise ScenarioError(f"--windows {windows}: must be one or two durations, such as 3d or 3d,7d")
    meta = Log.open(log).meta
    target = out if out.suffix == ".parquet" else out / "clicks.parquet"
    if target.exists() and not replace:
        raise ScenarioError(f"{target}: exists already; choose another file, or say --replace")
    folders = [sorted((log / name).glob("*.parquet")) for name in ("clicks", "events")]
    clicks, events = ([str(file) for file in files] for files in folders)
    bound: dict[str, object] = {
        "clicks": clicks,
        "attribution": lengths[0],
        "refund": lengths[-1],
        "until": meta.observed_until,
    }
    if events:
        bound["events"] = events
    query = _FLAT.format(events="read_parquet($events, hive_partitioning = false)" if events else _NO_EVENTS)
    aside = target.with_name(target.name + ".partial")
    try:
        with workspace(target) as connection:
            connection.sql(query, params=bound).write_parquet(str(aside), compression="zstd")
        aside.replace(target)
    except duckdb.Error as error:
        raise LogError(f"{log}: cannot be exported ({one_line(error)})") from None
    finally:
        aside.unlink(missing_ok=True)
    return target
