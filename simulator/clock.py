"""The clock on a log's wall: from microseconds since the origin to local time and back, exact across its changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
from numpy.typing import NDArray

from simulator.errors import nearest
from simulator.units import DAY, HOUR, SECOND, format_instant

Int64 = NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = 12 * HOUR
"""No zone changes its offset twice in as short a time."""
_MANY_YEARS = 200


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name.

    Raises
    ------
    ValueError : there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        hint = nearest(str(name), available_timezones())
        raise ValueError(
            f"unknown time zone {name!r}; allowed: a name of the IANA table, such as 'Asia/Shanghai'.{hint}"
        ) from None


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _offset(zone: ZoneInfo, micros: int) -> int:
    """Return by how much local time is ahead of UTC at an instant (both in microseconds, the instant since 1970)."""
    offset = (EPOCH + timedelta(microseconds=micros)).astimezone(zone).utcoffset()
    return (offset or timedelta()) // timedelta(microseconds=1)


@lru_cache(maxsize=4096)
def _year(name: str, year: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the instants of a year (UTC) from which an offset holds, and the offsets; the first is the year's start."""
    zone = zone_of(name)
    at, end = (
        _micros(datetime(year, 1, 1, tzinfo=UTC)),
        _micros(datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)),
    )
    offset = _offset(zone, at)
    times, offsets = [at], [offset]
    while at < end:
        later = min(at + _STEP, end)
        changed = _offset(zone, later)
        if changed != offset:
            low, high = at, later
            while high - low > SECOND:
                middle = (low + high) // 2 // SECOND * SECOND
                low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
            times.append(high)
            offsets.append(changed)
        at, offset = later, changed
    return tuple(times), tuple(offsets)


@dataclass(frozen=True, slots=True)
class Clock:
    """Local time of a log. ``origin`` is the instant from which its microseconds count, ``zone`` an IANA name.

    Local time is counted in microseconds too, from the midnight with which the origin's local day begins: whole days
    of it are the days of the log, and its remainder is what a clock on the wall shows. In UTC both are one and the
    same, wherever the origin lies.
    """

    origin: datetime = EPOCH
    zone: str = "UTC"

    @property
    def plain(self) -> bool:
        """Whether local time is the log's own."""
        return self.zone == "UTC"

    @property
    def first_date(self) -> date:
        """The local date of day 0."""
        if (
            self.plain
        ):  # an origin is a local midnight; half a day later it is that date in UTC, wherever that is
            return (self.origin + timedelta(hours=12)).date()
        return self.origin.astimezone(zone_of(self.zone)).date()

    def local(self, time: Int64) -> Int64:
        """Return the local time of instants (microseconds from the origin; any shape)."""
        if self.plain or not np.size(time):
            return time
        absolute = np.asarray(time, np.int64) + _micros(self.origin)
        times, offsets = self._changes(absolute)
        here = offsets[np.maximum(np.searchsorted(times, absolute, side="right") - 1, 0)]
        found: Int64 = absolute + here - self._midnight
        return found

    def instants(self, local: Int64) -> Int64:
        """Return the instants of local times: of a repeated one the first; a skipped one goes forward by what was skipped."""
        if self.plain or not np.size(local):
            return local
        wall = np.asarray(local, np.int64) + self._midnight
        times, offsets = self._changes(wall, 2 * DAY)
        regime = np.searchsorted(times[1:] + offsets[:-1], wall, side="right")
        found: Int64 = wall - offsets[regime]
        before = offsets[np.maximum(regime - 1, 0)]
        skipped = (regime > 0) & (found < times[regime])
        chosen: Int64 = np.where(skipped, wall - before, found)
        return chosen - _micros(self.origin)

    def one(self, time: int) -> int:
        """Return the local time of one instant."""
        return int(self.local(np.array([time], np.int64))[0])

    def instant(self, local: int) -> int:
        """Return the instant of one local time."""
        return int(self.instants(np.array([local], np.int64))[0])

    def put_back(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return the instants of the days from ``first`` to ``last`` at which the clock is put back, and by how much."""
        if first > last:
            return []
        origin = _micros(self.origin)
        times, offsets = self._changes(
            np.append(np.arange(first, last, 300 * DAY), last) + origin
        )  # every year
        falls = zip((times[1:] - origin).tolist(), (offsets[:-1] - offsets[1:]).tolist(), strict=True)
        return [(time, by) for time, by in falls if by > 0 and first - DAY < time < last + 2 * DAY]

    def at(self, moment: date) -> int:
        """Return the instant of a local date (its midnight) or datetime; one with an offset is taken as it stands."""
        if not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - local, that is the point
        if moment.tzinfo is not None:
            return _micros(moment.astimezone(UTC)) - _micros(self.origin)
        if self.plain:
            return _micros(moment.replace(tzinfo=UTC)) - _micros(self.origin)
        return self.instant(_micros(moment.replace(tzinfo=UTC)) - self._midnight)

    def skipped(self, moment: date) -> bool:
        """Whether no clock of the zone ever showed a local datetime, since it was set forward over it."""
        if not isinstance(moment, datetime) or moment.tzinfo is not None:
            return False
        return self.moment(self.at(moment)) != moment

    def moment(self, time: int) -> datetime:
        """Return an instant as a local datetime without zone."""
        if self.plain:
            return self.origin.astimezone(UTC).replace(tzinfo=None) + timedelta(microseconds=time)
        return (EPOCH + timedelta(microseconds=self.one(time) + self._midnight)).replace(tzinfo=None)

    def said(self, time: int) -> str:
        """Write an instant as the day of the log and the local time of that day."""
        return format_instant(self.one(time))

    @property
    def _midnight(self) -> int:
        """Microseconds from 1970 to the local midnight of day 0, as if local time were UTC."""
        first = self.first_date
        return _micros(datetime(first.year, first.month, first.day, tzinfo=UTC))

    def _changes(self, time: Int64, margin: int = 0) -> tuple[Int64, Int64]:
        """Return the instants from which each offset holds, and the offsets, in the years of ``time`` (all since 1970)."""
        edges = np.array([time.min() - margin, time.max() + margin])
        years = np.unique(_year_of(edges))
        if np.ptp(years) > _MANY_YEARS:  # one stray instant must not make the centuries between be looked up
            years = np.unique(_year_of(np.concatenate([time - margin, time + margin])))
        else:
            years = np.arange(years[0], years[-1] + 1)
        parts = [_year(self.zone, int(year)) for year in years]
        times = np.array([t for part in parts for t in part[0]], np.int64)
        offsets = np.array([o for part in parts for o in part[1]], np.int64)
        new = np.concatenate([[True], offsets[1:] != offsets[:-1]])
        return times[new], offsets[new]


def _year_of(time: Int64) -> Int64:
    """Return the year of instants since 1970, as far as dates go."""
    found: Int64 = time.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    return np.clip(found, 2, 9998)


UTC_CLOCK = Clock()
"""What local time is where nothing is known of it: the log's own."""
