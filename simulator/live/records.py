"""Records of a stream, read from what was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json import JSONDecoder
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.log.schema import Columns, Float64, Int64, Kind, UInt8

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KINDS = {"click": 0, "cart": 1, "pay": 2, "refund": 3, "ignore": -1}
"""By name; records of the last one are passed over."""
_decode = JSONDecoder().raw_decode
_LARGEST = 1 << 62
_BLANK = object()
_UNREADABLE = (
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
    *(EOFError, IndexError),  # of Avro
)


@dataclass(slots=True)
class Records(Columns):
    """Records as columns: of clicks ``event_id`` is that of the click, and ``amount`` 0."""

    time: Int64
    kind: UInt8
    event_id: Int64
    click_id: Int64
    amount: Float64
    partition: Int64
    position: NDArray[np.object_]
    """Where in its partition it was, any whole number."""


def from_json(line: bytes) -> Any:
    """Return what a line of JSON says; nothing where it is blank."""
    text = line.decode().strip()
    if not text:
        return _BLANK
    found, end = _decode(text)
    if end != len(text):
        raise ValueError("more than one value")
    return found


@dataclass(frozen=True, slots=True)
class Reading:
    """How records are read.

    Parameters
    ----------
    decode : makes a mapping of what was sent, or raises.
    kind, click_id, event_id, time, amount : what these are called there.
    kinds : by what ``kind`` says there, the kind; -1 for records that are passed over.
    unit : microseconds that one of ``time`` is, where it is a number.
    """

    decode: Callable[[bytes], Any] = from_json
    kind: str = "kind"
    click_id: str = "click_id"
    event_id: str = "event_id"
    time: str = "time"
    amount: str = "amount"
    kinds: Mapping[str, int] = field(default_factory=lambda: {**KINDS})
    unit: int = 1

    def row(self, line: bytes) -> tuple[tuple[int, int, int, int], float] | None:
        """Return time, kind, event id and click id, and the amount; None: it is passed over.

        Raises
        ------
        ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, EOFError, IndexError : it is no record.
        """
        found = self.decode(line)
        if found is _BLANK:
            return None
        kind = self.kinds[found[self.kind]]
        if kind < 0:
            return None
        click_id, time = found[self.click_id], found[self.time]
        event_id, amount = click_id if kind == 0 else found[self.event_id], 0.0
        if kind >= Kind.PAY:
            amount = float(found[self.amount])
            if not 0 <= amount < inf:
                raise ValueError(f"amount {amount} is not a number from 0 on")
        time = time * self.unit if type(time) is int else _instant(time)
        for value in (click_id, event_id):
            if type(value) is not int or not 0 <= value < _LARGEST:
                raise ValueError(f"{value!r} is no id")
        if not 0 <= time < _LARGEST:
            raise ValueError(f"{time!r} is no instant")
        return (time, kind, event_id, click_id), amount


def parsed(
    lines: Sequence[bytes], positions: Sequence[int], partition: int, reading: Reading
) -> tuple[Records, list[int], list[tuple[int, str]]]:
    """Read records: those that can be, the place among ``lines`` of each, and place and reason of the others.

    A record has ``kind`` (click, cart, pay, refund), ``click_id``, ``time`` (microseconds since 1970, or a date with time and
    offset); of what is no click also ``event_id`` and, of pays and refunds, ``amount``.
    """
    numbers: list[int] = []
    amounts, places, faults = [], [], []
    for place, line in enumerate(lines):
        if not line:
            continue
        try:
            row = reading.row(line)
            if row is not None:
                numbers += row[0]
                amounts.append(row[1])
                places.append(place)
        except _UNREADABLE as error:
            faults.append((place, f"it cannot be read ({type(error).__name__}: {error})"))
    # One flat list of numbers: a tuple a row costs more than all else, since each is looked at for cycles.
    time, kind, event_id, click_id = np.array(numbers, np.int64).reshape(-1, 4).T.copy()
    records = Records(
        time,
        kind.astype(np.uint8),
        event_id,
        click_id,
        np.array(amounts, np.float64),
        np.full(len(places), partition, np.int64),
        np.array([positions[place] for place in places], object),
    )
    return records, places, faults


def _instant(value: Any) -> int:
    when = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if when.tzinfo is None:
        raise ValueError(f"{value!r} has no offset from UTC")
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
