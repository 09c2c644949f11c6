"""Open journeys as columns: a window that slides over the clicks of the log in replay order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from simulator.log.schema import ClickBatch, Int32, Int64, Labels
from simulator.windows import Windows

STATE: dict[str, tuple[type[np.generic], int]] = {
    "cart_count": (np.int32, 0),
    "cart_time": (np.int64, -1),
    "pay_count": (np.int32, 0),
    "first_pay_time": (np.int64, -1),
    "last_pay_time": (np.int64, -1),
    "previous_pay_time": (np.int64, -1),
    "gmv": (np.float64, 0),
    "previous_gmv": (np.float64, 0),
    "refund_count": (np.int32, 0),
    "first_refund_time": (np.int64, -1),
    "refund_amount": (np.float64, 0),
}
"""What is known of a journey: column, type, value at the click. Times are -1 while there is none.

It is a function of the events that have become known and are inside the windows by the times at which they happened, in
whatever order: ``cart_time`` and ``first_pay_time`` are the earliest times of these, ``last_pay_time`` the latest, ``gmv`` and
the counts go over all. Refunds (``refund_count``, ``refund_amount``, ``first_refund_time``: the earliest) are those from
``first_pay_time`` on inside the refund window after it; one that becomes known before such a pay counts once the pay is
known, and one that a still earlier pay puts outside the window counts no more. ``previous_gmv`` and ``previous_pay_time``
are ``gmv`` and ``last_pay_time`` as they were before the pay that became known last.
"""

ARRIVED = {"first_pay_arrival": "first_pay_time", "last_pay_arrival": "last_pay_time"}
"""When a journey was first known to have paid, and when its latest news of a pay came. Columns of their own only where
events become known later than they happen; else they are the columns named here."""


class Journeys:
    """The clicks that can still change, oldest first, each found by its row in the log.

    Rows leave at the old end when their lifetime is over, so memory is bounded by arrival rate times lifetime.
    ``columns[name][row - base]`` is what every click has; ``[head, size)`` are the open ones. To most clicks nothing
    ever happens, so the state of a journey is kept apart: ``state[name][columns["slot"][row - base]]``, where slot 0
    is shared by all journeys that are still as they were at their click. An event gives its journey a new slot and
    leaves the old one readable until room is made: that is how any instant of a tick can be looked up.
    """

    def __init__(self, windows: Windows, width: int) -> None:
        self.windows = windows
        self.base = 0
        self.head = 0
        self.size = 0
        self.columns: dict[str, NDArray[Any]] = {
            "click_id": np.empty(0, np.int64),
            "click_time": np.empty(0, np.int64),
            "slot": np.empty(0, np.int32),
        }
        self.features: Int32 = np.empty((0, width), np.int32)
        self._defaults: dict[str, Any] = {"slot": 0}
        self.state: dict[str, NDArray[Any]] = {
            name: np.full(1, value, kind) for name, (kind, value) in STATE.items()
        }
        self._slots = 1

    def add_column(self, name: str, kind: DTypeLike, default: Any) -> None:
        """Give every journey one more value, set to ``default`` at its click."""
        self.columns[name] = np.full(len(self.columns["click_id"]), default, kind)
        self._defaults[name] = default

    def track_arrivals(self) -> None:
        """Keep apart from now on when pays become known; up to now they were known at once."""
        self.state |= {name: self.state[same].copy() for name, same in ARRIVED.items()}

    def append(self, clicks: ClickBatch) -> slice:
        """Take the next clicks of the log and return where they stand."""
        if self.size == 0:
            self.base = clicks.row
        first, last = self.size, self.size + len(clicks)
        if last > len(self.columns["click_id"]):
            first, last = self._make_room(len(clicks))
        new = slice(first, last)
        self.columns["click_id"][new] = clicks.click_id
        self.columns["click_time"][new] = clicks.time
        for name, default in self._defaults.items():
            self.columns[name][new] = default
        if self.features.shape[1]:
            self.features[new] = clicks.features
        self.size = last
        return new

    def _make_room(self, wanted: int) -> tuple[int, int]:
        """Drop what has left the window, and grow where that is not enough."""
        kept = self.size - self.head
        capacity = max(len(self.columns["click_id"]), 1024)
        while capacity < 2 * (kept + wanted):
            capacity *= 2
        for name, column in self.columns.items():
            self.columns[name] = self._moved(column, capacity)
        self.features = self._moved(self.features, capacity)
        self.base += self.head
        self.head, self.size = 0, kept
        self._drop_slots()
        return kept, kept + wanted

    def _moved(self, column: NDArray[Any], capacity: int) -> NDArray[Any]:
        # In place where it fits: fresh memory costs more than the move.
        moved = column if len(column) == capacity else np.empty((capacity, *column.shape[1:]), column.dtype)
        moved[: self.size - self.head] = column[self.head : self.size]
        return moved

    def _drop_slots(self) -> None:
        """Keep the state of open journeys only."""
        slot = self.columns["slot"]
        used = np.flatnonzero(slot[: self.size])
        kept = np.concatenate([np.zeros(1, np.int32), slot[used]])
        self.state = {name: column[kept] for name, column in self.state.items()}
        self._slots = len(kept)
        slot[used] = np.arange(1, self._slots, dtype=np.int32)

    def new_slots(self, count: int) -> Int32:
        """Make room for the state of journeys after as many events; what was there before stays readable."""
        slots = np.arange(self._slots, self._slots + count, dtype=np.int32)
        self._slots += count
        for name, column in self.state.items():
            if len(column) < self._slots:
                self.state[name] = np.concatenate([column, np.empty(self._slots, column.dtype)])
        return slots

    def before(self, time: int) -> int:
        """Return the end of the open journeys whose click is earlier than ``time``."""
        return self.head + int(np.searchsorted(self.columns["click_time"][self.head : self.size], time))

    def finalise(self, until: int) -> tuple[int, Labels]:
        """Let the journeys go whose lifetime ended before ``until``; return their first row and final labels."""
        end = self.before(until - self.windows.lifetime)
        slot = self.columns["slot"][self.head : end]
        state = self.state
        labels = Labels(
            converted=state["pay_count"][slot] > 0,
            refunded=state["refund_count"][slot] > 0,
            gmv=state["gmv"][slot],
            refund_amount=state["refund_amount"][slot],
            pay_count=state["pay_count"][slot],
            first_pay=state["first_pay_time"][slot],
            first_refund=state["first_refund_time"][slot],
            first_cart=state["cart_time"][slot],
        )
        row = self.base + self.head
        self.head = end
        return row, labels

    def index(self, row: Int64) -> Int64:
        """Return where rows stand; rows outside ``[head, size)`` are not open."""
        return row - self.base
