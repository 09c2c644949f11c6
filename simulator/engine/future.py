"""Final labels of open clicks, for policies that declare that they read the future."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from simulator.log.schema import Int64, Labels
from simulator.windows import Windows

if TYPE_CHECKING:
    from simulator.engine.engine import Source


class Future:
    """Reads final labels ahead of the replay, and forgets them once their clicks are settled."""

    def __init__(self, source: Source, windows: Windows, start: int, batch_rows: int) -> None:
        self._batches = source.labelled(windows, start, features=False, batch_rows=batch_rows)
        self._parts: list[tuple[int, Labels]] = []
        self._end = 0

    def labels(self, row: Int64) -> Labels:
        """Return the final labels of clicks by their rows in the log."""
        if not len(row):
            row = np.empty(0, np.int64)
        while len(row) and self._end <= int(row.max()):
            clicks, labels = next(self._batches)
            self._parts.append((clicks.row, labels))
            self._end = clicks.row + len(clicks)
        columns = []
        starts = np.array([first for first, _ in self._parts], np.int64)
        part = np.searchsorted(starts, row, side="right") - 1
        several = len(row) > 0 and int(part.min()) != int(part.max())
        for field in fields(Labels):
            if not len(row):
                columns.append(np.empty(0, bool if field.name in {"converted", "refunded"} else np.float64))
            elif not several:
                first, labels = self._parts[int(part[0])]
                columns.append(getattr(labels, field.name)[row - first])
            else:
                whole = np.concatenate([getattr(labels, field.name) for _, labels in self._parts])
                columns.append(whole[row - self._parts[0][0]])
        return Labels(*columns)

    def forget(self, row: int) -> None:
        """Drop labels of clicks before ``row``."""
        while self._parts and self._parts[0][0] + len(self._parts[0][1]) <= row:
            self._parts.pop(0)
