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
"""What is known of a journey: column, type, value at the click. Times are -1 while there is none."""


class Journeys:
    """The clicks that can still change, oldest first, each found by its row in the log.

    Rows leave at the old end when their lifetime is over, so memory is bounded by arrival rate times lifetime.
    ``columns[name][row - base]`` is the state of a row; ``[head, size)`` are the open ones.
    """

    def __init__(self, windows: Windows, width: int) -> None:
        self.windows = windows
        self.base = 0
        self.head = 0
        self.size = 0
        self.columns: dict[str, NDArray[Any]] = {
            "click_id": np.empty(0, np.int64),
            "click_time": np.empty(0, np.int64),
            **{name: np.empty(0, kind) for name, (kind, _) in STATE.items()},
        }
        self.features: Int32 = np.empty((0, width), np.int32)
        self._defaults: dict[str, Any] = {name: value for name, (_, value) in STATE.items()}

    def add_column(self, name: str, kind: DTypeLike, default: Any) -> None:
        """Give every journey one more value, set to ``default`` at its click."""
        self.columns[name] = np.full(len(self.columns["click_id"]), default, kind)
        self._defaults[name] = default

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
        return kept, kept + wanted

    def _moved(self, column: NDArray[Any], capacity: int) -> NDArray[Any]:
        # In place where it fits: fresh memory costs more than the move.
        moved = column if len(column) == capacity else np.empty((capacity, *column.shape[1:]), column.dtype)
        moved[: self.size - self.head] = column[self.head : self.size]
        return moved

    def before(self, time: int) -> int:
        """Return the end of the open journeys whose click is earlier than ``time``."""
        return self.head + int(np.searchsorted(self.columns["click_time"][self.head : self.size], time))

    def settle(self, until: int) -> tuple[int, Labels]:
        """Let the journeys go whose lifetime ended before ``until``; return their first row and final labels."""
        end = self.before(until - self.windows.lifetime)
        gone = slice(self.head, end)
        columns = self.columns
        labels = Labels(
            converted=columns["pay_count"][gone] > 0,
            refunded=columns["refund_count"][gone] > 0,
            gmv=columns["gmv"][gone].copy(),
            refund_amount=columns["refund_amount"][gone].copy(),
            pay_count=columns["pay_count"][gone].copy(),
            first_pay=columns["first_pay_time"][gone].copy(),
            first_refund=columns["first_refund_time"][gone].copy(),
        )
        row = self.base + self.head
        self.head = end
        return row, labels

    def state(self) -> dict[str, Any]:
        """Return the open journeys as plain arrays (for a checkpoint)."""
        kept = slice(self.head, self.size)
        return {
            "base": self.base + self.head,
            "features": self.features[kept].copy(),
            "columns": {name: column[kept].copy() for name, column in self.columns.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        self.base, self.head, self.size = int(state["base"]), 0, len(state["features"])
        self.features = state["features"].copy()
        self.columns = {name: state["columns"][name].copy() for name in self.columns}

    def index(self, row: Int64) -> Int64:
        """Return where rows stand; rows outside ``[head, size)`` are not open."""
        return row - self.base
