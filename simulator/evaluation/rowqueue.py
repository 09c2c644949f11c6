"""A queue of columns over consecutive rows: pushed in chunks of any size, taken by row."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]


class RowQueue:
    """Columns of the rows ``[start, stop)``; what was taken is gone.

    ``start`` and ``stop`` are None until the first push.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.start: int | None = None
        self.stop: int | None = None
        self._chunks: deque[Columns] = deque()

    def push(self, row: int, columns: Mapping[str, NDArray[Any]]) -> None:
        """Append the columns of consecutive rows; the first of them must follow the last one pushed."""
        lengths = {len(column) for column in columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"{self.what}: columns have lengths {sorted(lengths)}; allowed: one length")
        if self.stop is not None and row != self.stop:
            raise ValueError(
                f"{self.what}: got row {row} after row {self.stop - 1}; rows must be consecutive"
            )
        if self._chunks and self._chunks[0].keys() != columns.keys():
            raise ValueError(f"{self.what}: columns {sorted(columns)} differ from {sorted(self._chunks[0])}")
        size = lengths.pop()
        if not size:
            return
        self.start = row if self.start is None else self.start
        self.stop = row + size
        self._chunks.append(dict(columns))

    def take(self, stop: int) -> Columns:
        """Remove and return the rows ``[start, stop)``, joined; ``stop`` must have been reached."""
        if self.start is None or self.stop is None or stop > self.stop:
            raise ValueError(
                f"{self.what}: rows up to {stop} were asked for, there are rows up to {self.stop}"
            )
        parts: list[Columns] = []
        while self._chunks and self.start < stop:
            chunk = self._chunks.popleft()
            wanted = stop - self.start
            size = len(next(iter(chunk.values())))
            if size > wanted:
                self._chunks.appendleft({name: column[wanted:] for name, column in chunk.items()})
                chunk = {name: column[:wanted] for name, column in chunk.items()}
            parts.append(chunk)
            self.start += min(size, wanted)
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}

    def drop(self, stop: int) -> None:
        """Forget the rows before ``stop`` (as far as there are any)."""
        if self.start is not None and self.stop is not None and stop > self.start:
            self.take(min(stop, self.stop))
