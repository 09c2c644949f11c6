"""A log whose events become known later than they happen: in batches, or each after a lag of its own.

Clicks are served at once. Labels are those of the log itself, by the times at which events happened: nothing takes longer than
a stated time, which the lateness of the windows covers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from simulator.log.schema import (
    ROW_GROUP,
    EventBatch,
    Float64,
    Int64,
)
from simulator.log.source import Source
from simulator.log.view import View
from simulator.randomness import draws
from simulator.units import HOUR


class Upload(Protocol):
    """When events become known."""

    @property
    def longest(self) -> int:
        """Nothing takes longer than this, in microseconds."""

    def arrivals(self, time: Int64, event_id: Int64) -> Int64:
        """Return when events become known that happened at ``time``: a function of each event alone."""


@dataclass(frozen=True, slots=True)
class Batches:
    """All that happened becomes known together, at ``at`` and every multiple of ``every`` after it, from the log's origin."""

    every: int
    at: int = 0

    @property
    def longest(self) -> int:
        return self.every

    def arrivals(self, time: Int64, event_id: Int64) -> Int64:
        return time + (self.at - time) % self.every


@dataclass(frozen=True, slots=True)
class Lags:
    """Every event has a lag of its own, drawn from (seed, "upload") and its id.

    Parameters
    ----------
    kind, scale, sigma : "exponential" of mean ``scale``, or "lognormal" of median ``scale`` and shape ``sigma``.
    longest : what would take longer takes this long.
    """

    kind: Literal["exponential", "lognormal"]
    scale: int
    sigma: float
    longest: int
    seed: int

    def arrivals(self, time: Int64, event_id: Int64) -> Int64:
        lag = self.scale * self._unit(event_id)
        return time + np.minimum(lag, self.longest).astype(np.int64)

    def _unit(self, event_id: Int64) -> Float64:
        exponential: Float64 = -np.log1p(-draws(event_id, "upload", self.seed))
        if self.kind == "exponential":
            return exponential
        angle = 2 * np.pi * draws(event_id, "upload", "angle", self.seed)
        normal = np.sqrt(2 * exponential) * np.cos(angle)  # Box and Muller
        lag: Float64 = np.exp(self.sigma * normal)
        return lag


class Uploaded(View):
    """``source`` as it is seen with an upload. Memory holds the events of one longest lag."""

    def __init__(self, source: Source, upload: Upload) -> None:
        super().__init__(source)
        self._upload = upload

    def events(
        self, start: int | None = None, end: int | None = None, *, batch_rows: int = ROW_GROUP
    ) -> Iterator[EventBatch]:
        """Events that become known in ``[start, end)``, in replay order."""
        since = None if start is None else start - self._upload.longest
        for events in self._in_order(self._source.events(since, end, batch_rows=batch_rows)):
            low = 0 if start is None else int(np.searchsorted(events.arrival, start))
            high = len(events) if end is None else int(np.searchsorted(events.arrival, end))
            for first in range(low, high, batch_rows):
                yield events[first : min(first + batch_rows, high)]

    def _in_order(self, batches: Iterator[EventBatch]) -> Iterator[EventBatch]:
        """Sort events by arrival, in buckets of time; a bucket is whole when events are read that happened after it."""
        width = max(self._upload.longest // 64, HOUR)
        waiting: defaultdict[int, list[EventBatch]] = defaultdict(list)
        for batch in batches:
            if not len(batch):
                continue
            arrival = self._upload.arrivals(batch.time, batch.event_id)
            events = EventBatch(batch.row, batch.event_id, batch.time, batch.kind, batch.amount, arrival)
            bucket = arrival // width
            for number in np.unique(bucket):
                waiting[int(number)].append(events[bucket == number])
            whole = (
                int(batch.time[-1]) // width
            )  # what is read later becomes known in this bucket at the earliest
            for number in sorted(n for n in waiting if n < whole):
                yield EventBatch.concatenate(waiting.pop(number)).in_order()
        for number in sorted(waiting):
            yield EventBatch.concatenate(waiting.pop(number)).in_order()
