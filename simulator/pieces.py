"""Batches of any length in, pieces of any length out: by the instant of their rows, or by their place in the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulator.log.schema import Int64


class Batch(Protocol):
    """Rows as columns."""

    def __len__(self) -> int: ...

    def __getitem__(self, cut: slice) -> Self: ...


B = TypeVar("B", bound=Batch)
Arrays = dict[str, NDArray[Any]]


class TimeQueue(Generic[B]):
    """Batches in the order of an instant of each row; what was taken is gone.

    Parameters
    ----------
    source : batches that are read as they are asked for, before those that are pushed.
    by : the column of the instants, in which rows are sorted within and between batches.
    """

    def __init__(self, source: Iterable[B] = (), by: str = "time") -> None:
        self._source: Iterator[B] = iter(source)
        self._by = by
        self._held: deque[B] = deque()

    def push(self, batch: B) -> None:
        """Append a batch."""
        self._held.append(batch)

    def take(self, until: int) -> list[B]:
        """Remove and return what has an instant before ``until``, in the pieces in which it came (possibly none)."""
        parts: list[B] = []
        while True:
            batch = self._held.popleft() if self._held else next(self._source, None)
            if batch is None:
                return parts
            cut = int(np.searchsorted(getattr(batch, self._by), until))
            if cut:
                parts.append(batch[:cut])
            if cut < len(batch):
                self._held.appendleft(batch[cut:])
                return parts


class RowQueue:
    """Columns of the consecutive rows ``[start, stop)`` of a log; what was taken is gone.

    ``start`` and ``stop`` are None until there is anything.

    Parameters
    ----------
    what : what they are called in messages.
    source : first row and columns of chunks that are read as they are asked for; None: all is pushed.
    """

    def __init__(
        self, what: str, source: Iterator[tuple[int, Mapping[str, NDArray[Any]]]] | None = None
    ) -> None:
        self.what = what
        self.start: int | None = None
        self.stop: int | None = None
        self._source = source
        self._chunks: deque[Arrays] = deque()

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

    def take(self, stop: int, begin: int | None = None) -> Arrays:
        """Remove and return the rows ``[start, stop)``, joined; rows before ``begin`` are forgotten.

        Raises
        ------
        ValueError : there are no rows up to ``stop`` (yet).
        """
        self._reach(stop, begin)
        return _joined(self._removed(stop))

    def _removed(self, stop: int) -> list[Arrays]:
        """Remove the rows before ``stop``, and return them in the pieces in which they came."""
        parts: list[Arrays] = []
        while self._chunks and self.start is not None and self.start < stop:
            chunk = self._chunks.popleft()
            wanted, size = stop - self.start, len(next(iter(chunk.values())))
            if size > wanted:
                self._chunks.appendleft({name: column[wanted:] for name, column in chunk.items()})
                chunk = {name: column[:wanted] for name, column in chunk.items()}
            parts.append(chunk)
            self.start += min(size, wanted)
        return parts

    def of(self, rows: Int64) -> Arrays:
        """Return the columns of one or more rows, none of which was taken or dropped; they stay."""
        first, stop = int(rows.min()), int(rows.max()) + 1
        self._reach(stop)
        assert self.start is not None
        if first < self.start:
            raise ValueError(f"{self.what}: row {first} was asked for, rows begin at {self.start}")
        covering, begin, at = [], -1, self.start
        for chunk in self._chunks:
            end = at + len(next(iter(chunk.values())))
            if at < stop and end > first:
                begin = at if begin < 0 else begin
                covering.append(chunk)
            at = end
        return {name: column[rows - begin] for name, column in _joined(covering).items()}

    def drop(self, stop: int) -> None:
        """Forget the rows before ``stop`` (as far as there are any)."""
        self._removed(stop)

    def _reach(self, stop: int, begin: int | None = None) -> None:
        """Read on until there are rows up to ``stop``, and keep none of before ``begin``."""
        if begin is not None:
            self.drop(begin)
        while self._source is not None and (self.stop is None or self.stop < stop):
            chunk = next(self._source, None)
            if chunk is None:
                break
            self.push(*chunk)
            if begin is not None:
                self.drop(begin)
        if self.stop is None or stop > self.stop:
            raise ValueError(
                f"{self.what}: rows up to {stop} were asked for, there are rows up to {self.stop}"
            )


def _joined(parts: list[Arrays]) -> Arrays:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}
