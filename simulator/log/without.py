"""A log without what somebody lost of it: the past of a bidder who did not win everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise

import numpy as np

from simulator.log.impressions import Which
from simulator.log.meta import Meta
from simulator.log.reader import Log
from simulator.log.schema import (
    ROW_GROUP,
    Bool,
    ClickBatch,
    EventBatch,
    ImpressionBatch,
    ImpressionLabels,
    Int64,
    Labels,
)
from simulator.log.source import Source, Truths
from simulator.log.view import View
from simulator.windows import Windows


@dataclass(frozen=True, slots=True)
class Lost:
    """What was lost of a log.

    Parameters
    ----------
    impressions, clicks : their positions in the log, ascending; the click of every lost impression is among the clicks.
    """

    impressions: Int64
    clicks: Int64

    def kept(self, clicks: ClickBatch) -> Bool:
        """Tell which of consecutive clicks are left."""
        kept = np.ones(len(clicks), np.bool_)
        kept[self._of(clicks)] = False
        return kept

    def shown(self, batch: ImpressionBatch) -> Bool:
        """Tell which impressions are left."""
        return ~_among(batch.rows, self.impressions)

    def runs(self, clicks: ClickBatch) -> Iterator[slice]:
        """Yield where clicks follow each other that are left."""
        for before, after in pairwise([-1, *self._of(clicks).tolist(), len(clicks)]):
            if after > before + 1:
                yield slice(before + 1, after)

    def _of(self, clicks: ClickBatch) -> Int64:
        low, high = np.searchsorted(self.clicks, (clicks.row, clicks.row + len(clicks)))
        places: Int64 = self.clicks[low:high] - clicks.row
        return places


NOTHING = Lost(np.empty(0, np.int64), np.empty(0, np.int64))


def _among(rows: Int64, of: Int64) -> Bool:
    """Tell which rows are among those of an ascending array."""
    if not len(of):
        return np.zeros(len(rows), np.bool_)
    found: Bool = of[np.minimum(np.searchsorted(of, rows), len(of) - 1)] == rows
    return found


class Without(View):
    """``source`` without what is ``lost``: impressions, their clicks and what follows these.

    Rows stay those of the source, so that a batch of clicks ends where one is missing.
    """

    def __init__(self, source: Source, lost: Lost) -> None:
        super().__init__(source)
        self.lost = lost

    def clicks(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[ClickBatch]:
        """Clicks that are left, in replay order."""
        for clicks in self._source.clicks(start, end, features=features, batch_rows=batch_rows):
            for run in self.lost.runs(clicks):
                yield clicks[run]

    def labelled(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ClickBatch, Labels]]:
        """Clicks that are left, with their final labels."""
        for clicks, labels in self._source.labelled(
            windows, start, end, features=features, batch_rows=batch_rows
        ):
            for run in self.lost.runs(clicks):
                yield clicks[run], labels[run]

    def events(
        self, start: int | None = None, end: int | None = None, *, batch_rows: int = ROW_GROUP
    ) -> Iterator[EventBatch]:
        """Events of clicks that are left, as they become known."""
        for events in self._source.events(start, end, batch_rows=batch_rows):
            yield events[~_among(events.row, self.lost.clicks)]

    def impressions(
        self,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
        which: Which = "all",
    ) -> Iterator[ImpressionBatch]:
        """Impressions that are left, in replay order."""
        for batch in self._source.impressions(
            start, end, features=features, batch_rows=batch_rows, which=which
        ):
            yield batch[self.lost.shown(batch)]

    def exposed(
        self,
        windows: Windows,
        start: int | None = None,
        end: int | None = None,
        *,
        features: bool = True,
        batch_rows: int = ROW_GROUP,
    ) -> Iterator[tuple[ImpressionBatch, ImpressionLabels]]:
        """Impressions that are left, with their final labels."""
        for batch, labels in self._source.exposed(
            windows, start, end, features=features, batch_rows=batch_rows
        ):
            kept = self.lost.shown(batch)
            if kept.any():
                yield batch[kept], labels[kept]


class LogWithout(Without):
    """The same of a log on disk. What is true is said of all rows; whoever reads it looks up those that he has."""

    def __init__(self, log: Log, lost: Lost) -> None:
        super().__init__(log, lost)
        self.whole = log
        left_out = sha256(lost.impressions.tobytes() + lost.clicks.tobytes()).hexdigest()
        self.meta: Meta = replace(log.meta, fingerprint=f"{log.meta.fingerprint} without {left_out}")

    def ids(self) -> Truths:
        """Yield ``user_id`` and ``item_id`` of all clicks."""
        return self.whole.ids()  # type: ignore[return-value]

    def truth(self, start: int | None = None, end: int | None = None) -> Truths:
        """Yield what is true of all clicks of ``[start, end)``."""
        return self.whole.truth(start, end)

    def exposure(self, start: int | None = None, end: int | None = None) -> Truths:
        """Yield what is true of all impressions of ``[start, end)``."""
        return self.whole.exposure(start, end)
