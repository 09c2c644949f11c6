"""Which span of time a log covers: rows of a wrong clock do not stretch it, and a repeated hour is told apart."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import duckdb
import numpy as np

from simulator.clock import EPOCH, Clock
from simulator.log.meta import from_epoch
from simulator.log.schema import Bool, Int64
from simulator.units import DAY

_ENDS = 1000
_MIDDLE = (0.05, 0.95)
_FIRST, _LAST = 0, 130 * 366 * DAY
"""1970 to about 2100, in microseconds from 1970."""


@dataclass(frozen=True, slots=True)
class Span:
    """First and last instant (inclusive) between which all rows but a few strays lie; microseconds from 1970."""

    first: int
    last: int


def main_span(con: duckdb.DuckDBPyConnection, table: str, where: str = "true") -> Span | None:
    """Return the span of ``table.time`` without strays; None of no rows.

    A stray is one of the first or last thousandth of the rows (one at least), parted from all others by a gap of more
    than two days, a quarter of the span of the middle nine tenths, and twenty times the mean gap.
    """
    row = con.execute(
        f"SELECT count(*), quantile_disc(time, {list(_MIDDLE)}) FROM {table} WHERE time IS NOT NULL AND {where}"
    ).fetchone()
    if row is None or not row[0]:
        return None
    count, (low, high) = int(row[0]), row[1]
    limit = max(2 * DAY, (high - low) // 4, 20 * (high - low) // count)
    ends = min(max(1, count // 1000), _ENDS) if count >= 10 else 0
    early = _ends(con, table, where, "ASC", ends)
    late = _ends(con, table, where, "DESC", ends)
    return Span(int(early[_kept(np.diff(early) > limit)]), int(late[_kept(-np.diff(late) > limit)]))


def _ends(con: duckdb.DuckDBPyConnection, table: str, where: str, order: str, count: int) -> Int64:
    rows = con.execute(
        f"SELECT time FROM {table} WHERE time IS NOT NULL AND {where} ORDER BY time {order} LIMIT {count + 1}"
    ).fetchnumpy()
    found: Int64 = np.asarray(rows["time"], np.int64)
    return found


def _kept(gaps: Bool) -> int:
    """Return the place of the first row behind the last wide gap."""
    wide = np.flatnonzero(gaps)
    return int(wide[-1]) + 1 if len(wide) else 0


def midnight(instant: int, zone: str) -> int:
    """Return the local midnight at or before an instant; both in microseconds from 1970 (UTC)."""
    clock = Clock(EPOCH, zone)
    return clock.instant(clock.one(instant) // DAY * DAY)


def settle_clock_changes(
    con: duckdb.DuckDBPyConnection, table: str, zone: str, followers: str | None = None
) -> list[str]:
    """Tell the two passes of a repeated hour apart by the order of the rows; return what is to be said of it.

    When clocks are put back, an hour of local times comes twice. Rows are read as of the second pass; those before
    the place in the file where the local time jumps back are of the first. Without such a place all are of the first.
    ``followers`` is a table of events whose times are those of their click (click_id = _row) plus a delay.
    """
    span = main_span(con, table)
    if span is None or zone == "UTC":
        return []
    notes = []
    # Strays of a small log stay in its span; outside these years no clock is put back that anyone knows of.
    for change, shift in Clock(EPOCH, zone).put_back(max(span.first, _FIRST), min(span.last, _LAST)):
        rows = con.execute(
            f"SELECT rowid, time FROM {table} WHERE time >= {change} AND time < {change + shift} ORDER BY _row"
        ).fetchnumpy()
        times = np.asarray(rows["time"], np.int64)
        if not len(times):
            continue
        split = _first_fall(times, shift // 2)
        told = split < len(times) and _first_fall(times[split:], shift // 2) == len(times) - split
        first = np.asarray(rows["rowid"], np.int64)[:split].tolist()
        if followers is not None:
            con.execute(
                f"UPDATE {followers} SET time = time - {shift} WHERE click_id IN "
                f"(SELECT _row FROM {table} WHERE rowid IN (SELECT unnest($1::BIGINT[])))",
                [first],
            )
        con.execute(
            f"UPDATE {table} SET time = time - {shift} WHERE rowid IN (SELECT unnest($1::BIGINT[]))", [first]
        )
        how = f"{split:,} before and {len(times) - split:,} after the clock was put back, by their order"
        if not told:
            taken = "all" if split == len(times) else f"{split:,}"
            how = f"which pass each is of cannot be told from their order; {taken} are taken as of the first"
        when = from_epoch(change).astimezone(ZoneInfo(zone))
        notes.append(
            f"{len(times):,} local times lie in the repeated hour of {when:%Y-%m-%d} ({zone}): {how}"
        )
    return notes


def _first_fall(times: Int64, by: int) -> int:
    """Return the place of the first time that lies more than ``by`` before the largest so far (or how many there are)."""
    falls = np.flatnonzero(np.maximum.accumulate(times)[:-1] - times[1:] > by)
    return int(falls[0]) + 1 if len(falls) else len(times)
