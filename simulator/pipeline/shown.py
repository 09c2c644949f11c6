"""The impressions of the stream, on their way to be predicted and judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from simulator.evaluation.tasks.impressions import JudgedLabels
from simulator.learning import Clicks
from simulator.log.schema import Float64, ImpressionBatch, ImpressionLabels, Int64
from simulator.log.source import Exposed
from simulator.pieces import RowQueue, TimeQueue
from simulator.windows import Windows


@dataclass(slots=True)
class Final:
    """Consecutive impressions whose labels are final, the first at ``place`` among those of the stream."""

    place: int
    labels: JudgedLabels
    truth: Mapping[str, Float64]


@dataclass(slots=True)
class _Labelled:
    time: Int64
    rows: Int64
    labels: ImpressionLabels

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, cut: slice) -> _Labelled:
        return _Labelled(self.time[cut], self.rows[cut], self.labels[cut])


class ShownImpressions:
    """Hands out a stream's impressions as they are shown, and their labels when these are final.

    Each is read once when it is shown and, without its features, once more when its click window and the lifetime of a click
    are over: nothing is held in between.
    """

    def __init__(self, log: Exposed, windows: Windows, start: int, end: int) -> None:
        self._wait = windows.click + windows.lifetime
        self._shown: TimeQueue[ImpressionBatch] = TimeQueue(log.impressions(start, end))
        self._labelled: TimeQueue[_Labelled] = TimeQueue(
            _Labelled(batch.time, batch.rows, labels)
            for batch, labels in log.exposed(windows, start, end, features=False)
        )
        self._truth = RowQueue("exposure", log.exposure(start)) if log.has_exposure else None
        self._served = self._judged = 0

    def shown(self, until: int) -> tuple[int, Int64, Clicks] | None:
        """Return what was shown before ``until``, since the last call: the place of the first one, ids, and the rest."""
        parts = self._shown.take(until)
        if not parts:
            return None
        batch = ImpressionBatch.concatenate(parts)
        place, self._served = self._served, self._served + len(batch)
        return place, batch.impression_id, Clicks(batch.rows, batch.time, batch.features)

    def final(self, until: int) -> Iterator[Final]:
        """Yield the impressions whose labels are final at ``until``."""
        for part in self._labelled.take(until - self._wait):
            place, self._judged = self._judged, self._judged + len(part)
            yield judged(place, part.rows, part.labels, self._truth)


def judged(place: int, rows: Int64, labels: ImpressionLabels, exposure: RowQueue | None) -> Final:
    """Return consecutive impressions of the stream with their final labels, and what is true of them as far as it is known.

    ``rows`` are their positions in the log; what ``exposure`` says of earlier ones is forgotten.
    """
    truth: dict[str, Float64] = {}
    if exposure is not None:
        truth = exposure.of(rows)
        exposure.drop(int(rows[-1]))
    would_pay = truth.pop("would_pay", np.full(len(rows), np.nan))
    return Final(place, JudgedLabels(**labels.arrays(), would_pay=would_pay), truth)
