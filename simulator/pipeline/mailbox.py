"""Label transport: what was delivered to a method waits here until the learner can see it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from simulator.log.schema import Int32
from simulator.samples import Samples


@dataclass(slots=True)
class Parcel:
    """Samples with the features of their clicks."""

    samples: Samples
    features: Int32

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, cut: slice) -> Parcel:
        return Parcel(self.samples[cut], self.features[cut])


class Mailbox:
    """Holds parcels in the order of their visible time, which transport puts off by a constant delay."""

    def __init__(self, delay: int, stream_start: int) -> None:
        self._delay, self._stream_start = delay, stream_start
        self._held: deque[Parcel] = deque()

    def put(self, parcel: Parcel) -> None:
        """Take a tick's delivery. What is visible before the stream starts belongs to its past and is dropped."""
        samples = parcel.samples
        if self._delay:
            samples = replace(samples, visible_time=samples.visible_time + self._delay)
        first = int(np.searchsorted(samples.visible_time, self._stream_start))
        if first < len(samples):
            self._held.append(Parcel(samples, parcel.features)[first:])

    def take(self, until: int) -> Parcel | None:
        """Remove and return what is visible before ``until``."""
        ready: list[Parcel] = []
        while self._held:
            parcel = self._held[0]
            cut = int(np.searchsorted(parcel.samples.visible_time, until))
            if cut:
                ready.append(parcel[:cut])
            if cut < len(parcel):
                self._held[0] = parcel[cut:]
                break
            self._held.popleft()
        if not ready:
            return None
        return Parcel(
            Samples.concatenate([p.samples for p in ready]), np.concatenate([p.features for p in ready])
        )


def mini_batches(parcel: Parcel, size: int, left_over: str = "spread") -> Iterator[Parcel]:
    """Cut in time order, ``left_over`` as in ``[learner]``: "spread" gives equal parts of about ``size``, so that no short
    batch is left over at the end; "step" and "drop" parts of just ``size``, the rest being a part as well, or none.
    """
    n = len(parcel)
    if left_over != "spread":
        end = n if left_over == "step" else n - n % size
        yield from (parcel[begin : min(begin + size, end)] for begin in range(0, end, size))
        return
    parts = max(1, round(n / size))
    edges = np.linspace(0, n, parts + 1).round().astype(int)
    for a, b in pairwise(edges):
        yield parcel[int(a) : int(b)]
