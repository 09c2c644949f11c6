"""Label transport: what was delivered to a method waits here until the learner can see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from simulator.exposures import Exposures
from simulator.pieces import TimeQueue
from simulator.samples import Samples


class Mailbox:
    """Holds samples in the order of their visible time, which transport puts off by a constant delay."""

    def __init__(self, delay: int, stream_start: int) -> None:
        self._delay, self._stream_start = delay, stream_start
        self._held: TimeQueue[Samples] = TimeQueue(by="visible_time")
        self._exposed: TimeQueue[Exposures] = TimeQueue(by="visible_time")

    def put(self, samples: Samples) -> None:
        """Take a tick's delivery. What is visible before the stream starts belongs to its past and is dropped."""
        if self._delay:
            samples = replace(samples, visible_time=samples.visible_time + self._delay)
        first = int(np.searchsorted(samples.visible_time, self._stream_start))
        if first < len(samples):
            self._held.push(samples[first:])

    def expose(self, exposures: Exposures) -> None:
        """Take what became known of impressions in a tick; nothing of it is of before the stream."""
        if self._delay:
            exposures = replace(exposures, visible_time=exposures.visible_time + self._delay)
        self._exposed.push(exposures)

    def take(self, until: int) -> Samples:
        """Remove and return what is visible before ``until``."""
        samples = Samples.concatenate(self._held.take(until))
        exposed = self._exposed.take(until)
        return Samples.together(samples, Exposures.concatenate(exposed).samples()) if exposed else samples


def mini_batches(samples: Samples, size: int, left_over: str = "spread") -> Iterator[Samples]:
    """Cut in time order, ``left_over`` as in ``[learner]``: "spread" gives equal parts of about ``size``, so that no short
    batch is left over at the end; "step" and "drop" parts of just ``size``, the rest being a part as well, or none.
    """
    n = len(samples)
    if left_over != "spread":
        end = n if left_over == "step" else n - n % size
        yield from (samples[begin : min(begin + size, end)] for begin in range(0, end, size))
        return
    parts = max(1, round(n / size))
    edges = np.linspace(0, n, parts + 1).round().astype(int)
    for a, b in pairwise(edges):
        yield samples[int(a) : int(b)]
