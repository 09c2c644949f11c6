"""What one bidder won of a log: a source that is pushed to, whose rows follow each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from simulator.log.impressions import Which, chosen
from simulator.log.pushed import Popped, Pushed
from simulator.log.schema import (
    ROW_GROUP,
    Bool,
    ClickBatch,
    EventBatch,
    Feature,
    ImpressionBatch,
    Int64,
    Labels,
)
from simulator.windows import Windows


class WonLog(Pushed):
    """The part of a log that a bidder won, pushed as it is decided; of the rest there is nothing in it.

    Its clicks are numbered one after another, as an engine needs them, from the row of the first click that was offered: what
    is won whole has the rows of the log. `world` returns the rows in the log, eight bytes a click. Impressions keep their
    places in the log, and the rows of their clicks.
    """

    has_impressions = True

    def __init__(self, features: tuple[Feature, ...] = ()) -> None:
        super().__init__(features)
        self._rows: Int64 = np.empty(1024, np.int64)
        self._first, self._size = -1, 0
        self._shown: dict[Which, deque[ImpressionBatch]] = {}
        self._labels: deque[tuple[ClickBatch, Labels]] | None = None

    def __len__(self) -> int:
        return self._size

    def show(self, impressions: ImpressionBatch) -> None:
        """Append what was won of the impressions shown next; forgotten where nobody reads them."""
        for which, held in self._shown.items():
            part = impressions[chosen(impressions, which)]
            if len(part):
                held.append(part)

    def click(self, clicks: ClickBatch, won: Bool, labels: Labels | None = None) -> None:
        """Append what was won of consecutive clicks of the log, with its final labels where a policy peeks at them."""
        if self._first < 0:
            self._first = clicks.row
        rows = clicks.row + np.flatnonzero(won)
        if not len(rows):
            return
        own = self._first + self._size
        while self._size + len(rows) > len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[self._size : self._size + len(rows)] = rows
        self._size += len(rows)
        part = ClickBatch(own, clicks.click_id[won], clicks.time[won], clicks.features[won])
        self.push(part)
        if self._labels is not None and labels is not None:
            self._labels.append((part, labels[won]))

    def follow(self, events: EventBatch) -> EventBatch:
        """Append those of the log's next events that are of clicks won so far; return them, with the rows of the log."""
        known = self._rows[: self._size]
        place = np.minimum(np.searchsorted(known, events.row), max(self._size - 1, 0))
        mine = known[place] == events.row if self._size else np.zeros(len(events), np.bool_)
        won = events[mine]
        if len(won):
            own = won[:]
            own.row = place[mine] + self._first
            self.push(events=own)
        return won

    def world(self, rows: Int64) -> Int64:
        """Return where own clicks are in the log."""
        found: Int64 = self._rows[rows - self._first]
        return found

    def impressions(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
        which: Which = "all",
    ) -> Iterator[ImpressionBatch]:
        """Yield the impressions that were pushed since this was called; when there are more, go on."""
        return Popped(self._shown.setdefault(which, deque()))

    def labelled(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ClickBatch, Labels]]:
        """Yield the clicks with the final labels that were pushed with them since this was called."""
        if self._labels is None:
            self._labels = deque()
        return Popped(self._labels)
