"""Final labels of open clicks, for policies that declare that they read the future."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Int64, Labels
from simulator.log.source import Source
from simulator.windows import Windows


class Future:
    """Reads final labels ahead of the replay, and forgets them once their labels are final."""

    def __init__(self, source: Source, windows: Windows, start: int, batch_rows: int) -> None:
        self._batches = source.labelled(windows, start, features=False, batch_rows=batch_rows)
        self._parts: list[tuple[int, Labels]] = []
        self._end = 0

    def labels(self, row: Int64) -> Labels:
        """Return the final labels of clicks by their rows in the log."""
        if not len(row):
            return Labels.empty()
        while self._end <= int(row.max()):
            clicks, labels = next(self._batches)
            self._parts.append((clicks.row, labels))
            self._end = clicks.row + len(clicks)
        starts = np.array([first for first, _ in self._parts], np.int64)
        low, high = np.searchsorted(starts, [row.min(), row.max()], side="right") - 1
        covering = Labels.concatenate([labels for _, labels in self._parts[low : high + 1]])
        return covering[row - starts[low]]

    def forget(self, row: int) -> None:
        """Drop labels of clicks before ``row``."""
        while self._parts and self._parts[0][0] + len(self._parts[0][1]) <= row:
            self._parts.pop(0)
