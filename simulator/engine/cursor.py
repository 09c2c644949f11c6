"""Take a stream of batches tick by tick: everything before an instant, however the batches were cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np

from simulator.log.schema import ClickBatch, EventBatch

B = TypeVar("B", ClickBatch, EventBatch)


class Cursor(Generic[B]):
    """Reads clicks or events up to an instant at a time.

    Parameters
    ----------
    by : the column of the instants at which rows become known, in which they are sorted.
    """

    def __init__(self, batches: Iterator[B], by: str = "time") -> None:
        self._batches: Iterator[B] = batches
        self._by = by
        self._held: B | None = None

    def take(self, until: int) -> list[B]:
        """Return what comes next with an instant before ``until``, in the pieces in which it was read (possibly none)."""
        parts: list[B] = []
        while True:
            if self._held is None:
                self._held = next(self._batches, None)
                if self._held is None:
                    return parts
            batch = self._held
            cut = int(np.searchsorted(getattr(batch, self._by), until))
            if cut:
                parts.append(batch[:cut])
            if cut < len(batch):
                self._held = batch[cut:]
                return parts
            self._held = None
