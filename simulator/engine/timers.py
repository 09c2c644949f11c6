"""A policy's pending timers, in buckets of time so that setting and taking them is linear."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from simulator.errors import PolicyError
from simulator.log.schema import Columns, Int32, Int64
from simulator.units import HOUR, MINUTE, format_instant

LONGEST = 200
"""Timers of one click that may follow each other, each set by the one before, within `REACH`; or be due together."""
REACH = MINUTE


@dataclass(slots=True)
class TimerBatch(Columns):
    """Timers as columns: the journey's row in the log, its click id, the due time, the policy's tag."""

    row: Int64
    click_id: Int64
    time: Int64
    tag: Int32

    def in_order(self) -> Self:
        """Sort by (time, click id, tag), the total order of timers; free where they are sorted already."""
        if len(self) < 2 or bool(np.all(self.time[1:] > self.time[:-1])):
            return self
        return self[np.lexsort((self.tag, self.click_id, self.time))]


class Timers:
    """Pending timers of one policy."""

    def __init__(self, bucket: int = HOUR) -> None:
        self._bucket = bucket
        self._pending: defaultdict[int, list[TimerBatch]] = defaultdict(list)

    def add(self, timers: TimerBatch) -> None:
        """Remember timers until they are due."""
        if not len(timers):
            return
        bucket = timers.time // self._bucket
        low, high = int(bucket.min()), int(bucket.max())
        if low == high:
            self._pending[low].append(timers)
            return
        order = np.argsort(bucket, kind="stable")
        edges = np.searchsorted(bucket[order], np.arange(low, high + 2))
        for i, (a, b) in enumerate(pairwise(edges)):
            if a < b:
                self._pending[low + i].append(timers[order[a:b]])

    def take(self, until: int) -> TimerBatch:
        """Remove and return the timers due before ``until``, in order."""
        due: list[TimerBatch] = []
        for bucket in sorted(b for b in self._pending if b * self._bucket < until):
            batch = TimerBatch.concatenate(self._pending.pop(bucket))
            if (bucket + 1) * self._bucket > until:
                ready = batch.time < until
                if not ready.all():
                    self._pending[bucket].append(batch[~ready])
                    batch = batch[ready]
            due.append(batch.in_order())
        return TimerBatch.concatenate(due)


class Chains:
    """Watches, over a tick, that timers which set timers get on: without it such a policy would never come to an end.

    Parameters
    ----------
    policy : its key, for the message.
    """

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self._rounds = 0
        self._rows, self._since = np.empty(0, np.int64), np.empty(0, np.int64)

    def see(self, due: TimerBatch) -> None:
        """Look at the timers that are due next: in the second round those set by timers of the first, and so on.

        Raises
        ------
        PolicyError : a click has more than `LONGEST` of them at a time, or within `REACH`.
        """
        if not len(due):
            return
        self._rounds += 1
        if self._rounds > 1 and len(due) > LONGEST:
            _, first, count = np.unique(due.row, return_index=True, return_counts=True)
            if count.max() > LONGEST:
                self._refuse(due, int(first[count.argmax()]), "are set at a time by its timers")
        if self._rounds % LONGEST == 1:
            rows, first = np.unique(due.row, return_index=True)  # the earliest of each click
            both, now, then = np.intersect1d(rows, self._rows, assume_unique=True, return_indices=True)
            stuck = due.time[first[now]] - self._since[then] < REACH
            if len(both) and stuck.any():
                self._refuse(due, int(first[now[stuck.argmax()]]), "follow each other within a minute")
            self._rows, self._since = rows, due.time[first]

    def _refuse(self, due: TimerBatch, place: int, what: str) -> None:
        raise PolicyError(
            f"policy {self._policy!r} sets timers without end: {LONGEST:,} of click {due.click_id[place]} {what}, the last "
            f"with tag {due.tag[place]} at {format_instant(int(due.time[place]))}; allowed: fewer, or longer waits"
        )
