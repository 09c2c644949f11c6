"""The join of impressions with the final labels of their clicks; what is kept is bounded by the click window."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from simulator.errors import LogError
from simulator.log.schema import ROW_GROUP, Bool, ClickBatch, ImpressionBatch, ImpressionLabels, Labels
from simulator.windows import Windows

if TYPE_CHECKING:
    from simulator.log.source import Source


def exposed(
    source: Source, windows: Windows, start: int | None, end: int | None, *, features: bool, batch_rows: int
) -> Iterator[tuple[ImpressionBatch, ImpressionLabels]]:
    """Yield ordinary impressions with their final labels; see `simulator.log.reader.Log.exposed`."""
    until = None if end is None else end + windows.longest_click + 1
    clicks = _LabelledClicks(source.labelled(windows, start, until, features=False, batch_rows=ROW_GROUP))
    for batch in source.impressions(start, end, features=features, batch_rows=batch_rows):
        yield batch, clicks.labels(batch, batch.clicked_within(windows.longest_click))


class _LabelledClicks:
    """Final labels of clicks, asked for by impressions in order of time."""

    def __init__(self, labelled: Iterator[tuple[ClickBatch, Labels]]) -> None:
        self._labelled = labelled
        self._held: deque[tuple[ClickBatch, Labels]] = deque()

    def labels(self, batch: ImpressionBatch, clicked: Bool) -> ImpressionLabels:
        """Return the labels of impressions, of which those ``clicked`` have the labels of their clicks."""
        columns = {name: np.zeros(len(batch), kind) for name, kind in Labels.types().items()}
        for name in ("first_pay", "first_refund", "first_cart"):
            columns[name][:] = -1
        if clicked.any():
            row, time, into = batch.click_row[clicked], batch.click_time[clicked], np.flatnonzero(clicked)
            self._read(int(row.max()), int(batch.time[0]))
            for clicks, labels in self._held:
                place = row - clicks.row
                here = (place >= 0) & (place < len(clicks))
                here[here] = clicks.time[place[here]] == time[here]
                for name, column in columns.items():
                    column[into[here]] = getattr(labels, name)[place[here]]
                row, time, into = row[~here], time[~here], into[~here]
            if len(row):
                raise _unknown(int(row[0]))
        return ImpressionLabels(**columns, clicked=clicked)

    def _read(self, last: int, since: int) -> None:
        """Hold the clicks from ``since`` on up to row ``last``, or as many as there are."""
        while self._held and self._held[0][0].time[-1] < since:
            self._held.popleft()
        while not self._held or self._held[-1][0].row + len(self._held[-1][0]) <= last:
            read = next(self._labelled, None)
            if read is None:
                return
            if read[0].time[-1] >= since:
                self._held.append(read)


def _unknown(row: int) -> LogError:
    return LogError(
        f"an impression was clicked in row {row} of the clicks, which is none or was at another time. Import the log again"
    )
