"""The join of clicks with their final labels: each event is read once, and one lifetime of them is kept."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.log.memory import final_labels
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
        return final_labels(time, self.events(first_row, time), first_row, self._windows)

    def events(self, first_row: int, time: Int64) -> EventBatch:
        """Return all events of these clicks, as they happened, and some of later clicks, in order of calls."""
        self._read(int(time[-1]) + self._windows.lifetime)
        self._kept = [part for part in (_since(batch, first_row) for batch in self._kept) if len(part)]
        return EventBatch.concatenate(self._kept).in_time_order()

    def _read(self, until: int) -> None:
        """Read on until every event that became known up to ``until`` (inclusive) is read."""
        while not self._exhausted and self._read_until <= until:
            batch = next(self._events, None)
            if batch is None:
                self._exhausted = True
            elif len(batch):
                self._kept.append(batch)
                self._read_until = int(batch.arrival[-1])


def _since(batch: EventBatch, row: int) -> EventBatch:
    """Forget the events of clicks that were labelled before."""
    keep = batch.row >= row
    return batch if keep.all() else batch[keep]
