"""The join of clicks with their final labels: each event is read once, and one lifetime of them is kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulator.log.memory import final_labels, take_events
from simulator.log.schema import EventBatch, Int64, Labels
from simulator.windows import Windows


class LabelJoin:
    """Label consecutive clicks from a stream of events in replay order.

    The stream must start no later than the first click that will be asked for.
    """

    def __init__(self, events: Iterator[EventBatch], windows: Windows) -> None:
        self._events = events
        self._windows = windows
        self._kept: list[EventBatch] = []
        self._read_until = -1
        self._exhausted = False

    def labels(self, first_row: int, time: Int64) -> Labels:
        """Return the final labels of the clicks of rows ``first_row ...`` at ``time`` (n >= 1), in order of
        calls.
        """
        self._read(int(time[-1]) + self._windows.lifetime)
        self._kept = [part for part in (_since(batch, first_row) for batch in self._kept) if len(part)]
        return final_labels(time, _joined(self._kept), first_row, self._windows)

    def _read(self, until: int) -> None:
        """Read on until every event up to ``until`` (inclusive) is known."""
        while not self._exhausted and self._read_until <= until:
            batch = next(self._events, None)
            if batch is None:
                self._exhausted = True
            elif len(batch):
                self._kept.append(batch)
                self._read_until = int(batch.time[-1])


def _since(batch: EventBatch, row: int) -> EventBatch:
    """Forget the events of clicks that were labelled before."""
    keep = batch.row >= row
    return batch if keep.all() else take_events(batch, np.flatnonzero(keep))


def _joined(parts: list[EventBatch]) -> EventBatch:
    names = {"row": np.int64, "event_id": np.int64, "time": np.int64, "kind": np.uint8, "amount": np.float64}
    return EventBatch(
        *(
            np.concatenate([np.empty(0, kind), *(getattr(p, name) for p in parts)])
            for name, kind in names.items()
        )
    )
