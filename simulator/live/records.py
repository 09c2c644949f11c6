"""Records of a stream, read from what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from json import JSONDecoder
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.log.schema import Columns, Float64, Int64, Kind, UInt8

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {"click": 0, "cart": 1, "pay": 2, "refund": 3}
_decode = JSONDecoder().raw_decode
_LARGEST = 1 << 62


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


def parsed(
    lines: Sequence[bytes], positions: Sequence[int], partition: int
) -> tuple[Records, list[int], list[tuple[int, str]]]:
    """Read records: those that can be, the place among ``lines`` of each, and place and reason of the others.

    A record is a line of JSON: ``kind`` (click, cart, pay, refund), ``click_id``, ``time`` (microseconds since 1970, or a date
    with time and offset); of what is no click also ``event_id`` and, of pays and refunds, ``amount``.
    """
    numbers: list[int] = []
    amounts, places, faults = [], [], []
    for place, line in enumerate(lines):
        if not line or line.isspace():
            continue
        try:
            row, amount = _row(line)
            numbers += row
            amounts.append(amount)
            places.append(place)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
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


def _row(line: bytes) -> tuple[tuple[int, int, int, int], float]:
    text = line.decode().strip()
    found, end = _decode(text)
    if end != len(text):
        raise ValueError("more than one value")
    kind, click_id, time = _KINDS[found["kind"]], found["click_id"], found["time"]
    event_id, amount = click_id if kind == 0 else found["event_id"], 0.0
    if kind >= Kind.PAY:
        amount = float(found["amount"])
        if not 0 <= amount < inf:
            raise ValueError(f"amount {amount} is not a number from 0 on")
    if type(time) is not int:
        time = _instant(time)
    for value in (click_id, event_id):
        if type(value) is not int or not 0 <= value < _LARGEST:
            raise ValueError(f"{value!r} is no id")
    if not 0 <= time < _LARGEST:
        raise ValueError(f"{time!r} is no instant")
    return (time, kind, event_id, click_id), amount


def _instant(value: Any) -> int:
    when = datetime.fromisoformat(value)
    if when.tzinfo is None:
        raise ValueError(f"{value!r} has no offset from UTC")
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
