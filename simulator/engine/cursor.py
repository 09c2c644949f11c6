"""Take a stream of batches tick by tick: everything before an instant, however the batches were cut."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulator.log.schema import ClickBatch, EventBatch


class ClickCursor:
    """Reads clicks up to an instant at a time."""

    def __init__(self, batches: Iterator[ClickBatch], width: int) -> None:
        self._batches = batches
        self._held: ClickBatch | None = None
        self._width = width
        self.exhausted = False

    def take(self, until: int) -> ClickBatch | None:
        """Return the next clicks with ``time < until``, or None if there is none."""
        parts: list[ClickBatch] = []
        while True:
            if self._held is None:
                self._held = next(self._batches, None)
                if self._held is None:
                    self.exhausted = True
                    break
            batch = self._held
            cut = int(np.searchsorted(batch.time, until))
            if cut:
                parts.append(_clicks(batch, 0, cut))
            if cut < len(batch):
                self._held = _clicks(batch, cut, len(batch))
                break
            self._held = None
        if len(parts) <= 1:
            return parts[0] if parts else None
        return ClickBatch(
            parts[0].row,
            np.concatenate([p.click_id for p in parts]),
            np.concatenate([p.time for p in parts]),
            np.concatenate([p.features for p in parts]),
        )


def _clicks(batch: ClickBatch, first: int, last: int) -> ClickBatch:
    cut = slice(first, last)
    return ClickBatch(batch.row + first, batch.click_id[cut], batch.time[cut], batch.features[cut])


class EventCursor:
    """Reads events up to an instant at a time."""

    def __init__(self, batches: Iterator[EventBatch]) -> None:
        self._batches = batches
        self._held: EventBatch | None = None

    def take(self, until: int) -> EventBatch:
        """Return the next events with ``time < until`` (possibly none)."""
        parts: list[EventBatch] = []
        while True:
            if self._held is None:
                self._held = next(self._batches, None)
                if self._held is None:
                    break
            batch = self._held
            cut = int(np.searchsorted(batch.time, until))
            if cut:
                parts.append(_events(batch, slice(0, cut)))
            if cut < len(batch):
                self._held = _events(batch, slice(cut, None))
                break
            self._held = None
        if len(parts) == 1:
            return parts[0]
        if not parts:
            none = np.empty(0, np.int64)
            return EventBatch(none, none, none, np.empty(0, np.uint8), np.empty(0))
        return EventBatch(
            *(
                np.concatenate([getattr(p, name) for p in parts])
                for name in ("row", "event_id", "time", "kind", "amount")
            )
        )


def _events(batch: EventBatch, cut: slice) -> EventBatch:
    return EventBatch(
        batch.row[cut], batch.event_id[cut], batch.time[cut], batch.kind[cut], batch.amount[cut]
    )
