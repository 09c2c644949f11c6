"""Final labels of open clicks, for policies that declare that they read the future."""

from __future__ import annotations

from simulator.log.schema import Int64, Labels
from simulator.log.source import Source
from simulator.pieces import RowQueue
from simulator.windows import Windows


class Future:
    """Reads final labels ahead of the replay, and forgets them once they are final for the replay, too."""

    def __init__(self, source: Source, windows: Windows, start: int, batch_rows: int) -> None:
        batches = source.labelled(windows, start, features=False, batch_rows=batch_rows)
        self._labels = RowQueue(
            "labels of the future", ((clicks.row, labels.arrays()) for clicks, labels in batches)
        )

    def labels(self, row: Int64) -> Labels:
        """Return the final labels of clicks by their rows in the log."""
        return Labels.from_arrays(self._labels.of(row)) if len(row) else Labels.empty()

    def forget(self, row: int) -> None:
        """Drop labels of clicks before ``row``."""
        self._labels.drop(row)
