"""Records as they come in, and out again in replay order once nothing earlier is waited for."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from simulator.log.schema import ClickBatch, EventBatch, Kind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {"click": Kind.CLICK, "cart": Kind.CART, "pay": Kind.PAY, "refund": Kind.REFUND}


@dataclass(slots=True)
class Intake:
    """Sorts what comes out of order, and puts aside what cannot be trusted.

    A record is a line of JSON: ``kind`` (click, cart, pay, refund), ``click_id``, ``time`` (microseconds since 1970, or a date
    with time and offset); of what is no click also ``event_id`` and, of pays and refunds, ``amount``. The watermark is the
    latest time so far less ``lateness``, in whole ticks: what is earlier than it is late. All that is decided of a record
    depends on the records before it alone, in whatever pieces these are read.

    Parameters
    ----------
    lateness, tick, lifetime : in microseconds; an id that comes again within a lifetime and the lateness comes twice.
    """

    lateness: int
    tick: int
    lifetime: int
    edge: int = 0
    """The watermark: up to it everything can be released."""
    latest: int = -1
    aside: list[dict[str, Any]] = field(default_factory=list)
    """What was put aside since the last time somebody took it, each with its reason."""
    _clicks: list[tuple[int, int]] = field(default_factory=list)
    _events: list[tuple[int, int, int, int, float]] = field(default_factory=list)
    _seen: OrderedDict[tuple[bool, int], int] = field(default_factory=OrderedDict)
    _open: OrderedDict[int, tuple[int, int]] = field(default_factory=OrderedDict)
    """By click id, the row and time of clicks that were released."""
    _row: int = 0

    def read(self, line: bytes) -> None:
        """Take the next record."""
        record = _parsed(line)
        reason = record if isinstance(record, str) else self._kept(*record)
        if reason:
            text = line.decode("utf-8", "replace").rstrip("\n")
            self.aside.append({"stage": "arrival", "reason": reason, "record": text})

    def _kept(self, kind: Kind, click_id: int, event_id: int, time: int, amount: float) -> str:
        """Keep a record until it is released, or say why not."""
        if time < self.edge:
            return "late: its tick is over"
        key = (kind == Kind.CLICK, click_id if kind == Kind.CLICK else event_id)
        first = self._seen.get(key)
        if first is not None and self.edge - first <= self.lifetime + self.lateness:
            return "its id has come before"
        self._seen.pop(key, None)
        self._seen[key] = time
        if kind == Kind.CLICK:
            self._clicks.append((time, click_id))
        else:
            self._events.append((time, int(kind), event_id, click_id, amount))
        self.latest = max(self.latest, time)
        self.edge = max(self.edge, (self.latest - self.lateness) // self.tick * self.tick)
        return ""

    def release(self, until: int) -> tuple[ClickBatch | None, EventBatch]:
        """Return, in replay order, what happened before ``until``, which is not before the last time."""
        clicks = sorted(click for click in self._clicks if click[0] < until)
        events = sorted(event for event in self._events if event[0] < until)
        self._clicks = [click for click in self._clicks if click[0] >= until]
        self._events = [event for event in self._events if event[0] >= until]
        for place, (time, click_id) in enumerate(clicks):
            self._open.pop(click_id, None)
            self._open[click_id] = self._row + place, time
        batch = None
        if clicks:
            clicked_at, ids = (np.array(column, np.int64) for column in zip(*clicks, strict=True))
            batch = ClickBatch(self._row, ids, clicked_at, np.empty((len(ids), 0), np.int32))
            self._row += len(clicks)
        rows = []
        for time, kind, event_id, click_id, amount in events:
            row, clicked = self._open.get(click_id, (-1, 0))
            reason = "it is before its click" if time < clicked else ""
            if row < 0 or time - clicked > self.lifetime:
                reason = "its click is not known, or its lifetime is over"
            if reason:
                told = {
                    "kind": Kind(kind).name.lower(),
                    "event_id": event_id,
                    "click_id": click_id,
                    "time": time,
                }
                self.aside.append({"stage": "release", "reason": reason, "record": json.dumps(told)})
            else:
                rows.append((row, event_id, time, kind, amount))
        self._forget(until)
        if not rows:
            return batch, EventBatch.empty()
        columns = list(zip(*rows, strict=True))
        rows_of, event_ids, times = (np.array(column, np.int64) for column in columns[:3])
        kinds, amounts = np.array(columns[3], np.uint8), np.array(columns[4], np.float64)
        return batch, EventBatch(rows_of, event_ids, times, kinds, amounts)

    def _forget(self, now: int) -> None:
        """Let go of ids that can no longer matter."""
        # Both are in the order of their coming, which is that of time or nearly so: what is old is found in front.
        while self._open and next(iter(self._open.values()))[1] + self.lifetime < now:
            self._open.popitem(last=False)
        while self._seen and next(iter(self._seen.values())) < now - self.lifetime - self.lateness:
            self._seen.popitem(last=False)


def _parsed(line: bytes) -> tuple[Kind, int, int, int, float] | str:
    """Return a record, or what is wrong with it."""
    try:
        found = json.loads(line)
        kind = _KINDS[found["kind"]]
        event_id = 0 if kind == Kind.CLICK else _integer(found["event_id"])
        amount = float(found["amount"]) if kind in (Kind.PAY, Kind.REFUND) else 0.0
        record = kind, _integer(found["click_id"]), event_id, _instant(found["time"]), amount
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"it cannot be read ({type(error).__name__}: {error})"
    if not (np.isfinite(amount) and amount >= 0):
        return f"amount {amount} is not a number from 0 on"
    return record


def _integer(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"{value!r} is no id")
    return value


def _instant(value: Any) -> int:
    if type(value) is int and 0 <= value < 1 << 62:
        return value
    when = datetime.fromisoformat(value)
    if when.tzinfo is None:
        raise ValueError(f"{value!r} has no offset from UTC")
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
