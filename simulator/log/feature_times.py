"""Whether a feature is a function of the time of the click."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Int64
from simulator.units import DAY, HOUR

COMMON = 20
"""Clicks that make an id, an hour or a day worth judging: rarer ones fall into place by chance."""
UNEXPLAINED = 0.02
"""Share of the clicks off the commonest id that may contradict (a border between days that lies elsewhere)."""


class Times:
    """The times of clicks, which ascend (microseconds), and the hours and days that they fall in."""

    def __init__(self, time: Int64) -> None:
        self._places = [
            (what, *np.unique(place, return_inverse=True))
            for what, place in (
                ("the day of the log tells its id", time // DAY),
                ("the hour of the day tells its id", time // HOUR % 24),
                ("the weekday tells its id", time // DAY % 7),
                ("the hour of the log tells its id", time // HOUR),
            )
        ]

    def tell(self, ids: Int64) -> str | None:
        """Return how the time of a click tells its id, in words; None where it does not.

        ``ids`` are in [0, n), one a click.
        """
        count = np.bincount(ids)
        if np.count_nonzero(count >= COMMON) < 2:
            return None
        for what, places, at in self._places:
            if _told_by(ids, at, len(places), int(count.max())):
                return what
        spans, kinds = 1 + int(np.count_nonzero(np.diff(ids))), int(np.count_nonzero(count))
        return "every id has one span of time to itself" if spans == kinds else None


def _told_by(ids: Int64, at: Int64, places: int, commonest: int) -> bool:
    """Return whether all clicks of a place have one id, but for a few."""
    if not 1 < places <= len(ids) / COMMON:
        return False
    size = int(ids.max()) + 1
    if places * size <= 4 * len(ids):
        most = np.bincount(at * size + ids, minlength=places * size).reshape(places, size).max(axis=1)
    else:
        pairs, often = np.unique(at * size + ids, return_counts=True)
        most = np.zeros(places, np.int64)
        np.maximum.at(most, pairs // size, often)
    return bool(len(ids) - most.sum() <= UNEXPLAINED * (len(ids) - commonest))
