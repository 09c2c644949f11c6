"""The join of clicks with their final labels: each event is read once, and one lifetime of them is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from simulator.log.memory import final_labels
from simulator.log.schema import ClickBatch, EventBatch, Int64, Labels
from simulator.pieces import TimeQueue
from simulator.windows import Windows


class LabelJoin:
    """Label consecutive clicks from a stream of events in replay order.

    The stream must start no later than the first click that will be asked for.
    """

    def __init__(self, events: Iterator[EventBatch], windows: Windows) -> None:
        self._events = TimeQueue(events, by="arrival")
        self._windows = windows
        self._kept: list[EventBatch] = []

    def labels(self, first_row: int, time: Int64) -> Labels:
        """Return the final labels of the clicks of rows ``first_row ...`` at ``time`` (n >= 1), in order of
        calls.
        """
        return final_labels(time, self.events(first_row, time), first_row, self._windows)

    def events(self, first_row: int, time: Int64) -> EventBatch:
        """Return all events of these clicks, as they happened, and some of later clicks, in order of calls."""
        self._kept += self._events.take(int(time[-1]) + self._windows.lifetime + 1)
        self._kept = [part for part in (_since(batch, first_row) for batch in self._kept) if len(part)]
        return EventBatch.concatenate(self._kept).in_time_order()


def _since(batch: EventBatch, row: int) -> EventBatch:
    """Forget the events of clicks that were labelled before."""
    keep = batch.row >= row
    return batch if keep.all() else batch[keep]


def shared(batch: ClickBatch, labels: Labels) -> tuple[ClickBatch, Labels]:
    """Let nobody write to what several will read."""
    columns: list[NDArray[Any]] = [batch.click_id, batch.time, batch.features, *labels.arrays().values()]
    for values in columns:
        values.flags.writeable = False
    return batch, labels
