"""Whether a feature is a function of the time of the click."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Int64
from simulator.units import DAY, HOUR

COMMON = 20
"""Clicks that make an id, an hour or a day worth judging: rarer ones fall into place by chance."""
UNEXPLAINED = 0.02
"""Share of the clicks off the commonest id that may contradict (a border between days that lies elsewhere)."""


def time_of(ids: Int64, time: Int64) -> str | None:
    """Return how the time of a click tells its id, in words; None where it does not.

    ``ids`` are in [0, n) and ``time`` ascends (microseconds); both have one entry a click.
    """
    count = np.bincount(ids)
    if np.count_nonzero(count >= COMMON) < 2:
        return None
    for what, place in (
        ("the day of the log tells its id", time // DAY),
        ("the hour of the day tells its id", time // HOUR % 24),
        ("the weekday tells its id", time // DAY % 7),
        ("the hour of the log tells its id", time // HOUR),
    ):
        if _told_by(ids, place, int(count.max())):
            return what
    spans, kinds = 1 + int(np.count_nonzero(np.diff(ids))), int(np.count_nonzero(count))
    return "every id has one span of time to itself" if spans == kinds else None


def _told_by(ids: Int64, place: Int64, commonest: int) -> bool:
    """Return whether all clicks of a place have one id, but for a few."""
    places, at = np.unique(place, return_inverse=True)
    if not 1 < len(places) <= len(ids) / COMMON:
        return False
    pairs, often = np.unique(at * (int(ids.max()) + 1) + ids, return_counts=True)
    most = np.zeros(len(places), np.int64)
    np.maximum.at(most, pairs // (int(ids.max()) + 1), often)
    return bool(len(ids) - most.sum() <= UNEXPLAINED * (len(ids) - commonest))
