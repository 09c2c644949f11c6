"""A policy's pending timers, in buckets of time so that setting and taking them is linear."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from simulator.log.schema import Columns, Int32, Int64
from simulator.units import HOUR


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
