"""A slice of a log by click time: what one of several processes needs to know of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from simulator.log.schema import (
    ROW_GROUP,
    ClickBatch,
    EventBatch,
    Feature,
    Labels,
)
from simulator.log.source import Source
from simulator.log.unshown import Unshown
from simulator.windows import Windows


class Slice(Unshown):
    """The clicks of ``[start, end)`` of a source, and what becomes known of them up to the end of their lifetimes.

    Journeys know nothing of one another, so an engine that replays it does with these clicks what it does with them in a
    replay of the whole: all columns are the same, ``row`` among them. It has no impressions: what was shown is of no journey.

    Parameters
    ----------
    source : the log, or what else can be replayed.
    windows : give the lifetime of a journey.
    """

    def __init__(self, source: Source, start: int, end: int, windows: Windows) -> None:
        self._source, self.start, self.end = source, start, end
        self.until = end + windows.lifetime
        """After this nothing more becomes known of its clicks (exclusive)."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """Features of the clicks."""
        return self._source.features

    @cached_property
    def _rows(self) -> tuple[int, int]:
        """Return the rows of its clicks: the first, and the one after the last."""
        return self._source.row_of(self.start), self._source.row_of(self.end)

    def row_of(self, time: int) -> int:
        """Return the row of its first click from ``time`` on."""
        return self._source.row_of(min(max(time, self.start), self.end))

    def clicks(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[ClickBatch]:
        """Yield its clicks with time in ``[start, end)``, in replay order."""
        first, last = self._inside(start, end, self.end)
        yield from self._source.clicks(first, last, features=features, batch_rows=batch_rows)

    def events(
        self, start: int | None = None, end: int | None = None, *, batch_rows: int = ROW_GROUP
    ) -> Iterator[EventBatch]:
        """Yield the events of its clicks that became known in ``[start, end)``, in replay order."""
        first, last = self._inside(start, end, self.until)
        begin, stop = self._rows
        for batch in self._source.events(first, last, batch_rows=batch_rows):
            own = (batch.row >= begin) & (batch.row < stop)
            if own.all():
                yield batch
            elif own.any():
                yield batch[own]

    def labelled(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ClickBatch, Labels]]:
        """Yield its clicks with their final labels, in replay order."""
        first, last = self._inside(start, end, self.end)
        yield from self._source.labelled(windows, first, last, features=features, batch_rows=batch_rows)

    def _inside(self, start: int | None, end: int | None, stop: int) -> tuple[int, int]:
        first = self.start if start is None else max(start, self.start)
        return first, stop if end is None else min(end, stop)
