"""Which clicks of the history were followed by a cart: final labels say nothing of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from learners.history import History
from simulator.log.schema import EventBatch, Float64, Kind
from simulator.samples import Samples
from simulator.windows import Windows


@dataclass(frozen=True, slots=True)
class Carts:
    """The carts of a history's clicks, in order of their row; they are held in memory."""

    events: EventBatch
    windows: Windows

    @classmethod
    def of(cls, history: History) -> Self:
        """Read them."""
        windows = history.windows
        # An impression may be clicked after the history's end.
        until = history.end + windows.longest_click + windows.lifetime + 1
        carts = [part[part.kind == Kind.CART] for part in history.log.events(history.start, until)]
        events = EventBatch.concatenate(carts)
        return cls(events[np.argsort(events.row, kind="stable")], windows)

    def labels(self, samples: Samples) -> Float64:
        """Return 1 for the final samples of clicks with a cart inside the attribution window, 0 for the others of the history.

        0 for what nobody clicked; NaN where nothing is known of the click.
        """
        order = np.argsort(samples.row)
        row, clicked = samples.row[order], samples.click_time[order]
        low, high = np.searchsorted(self.events.row, (row[0], row[-1] + 1)) if len(row) else (0, 0)
        events = self.events[low:high]
        place = np.searchsorted(row, events.row)
        since, known = events.time - clicked[place], events.arrival - clicked[place]
        counts = (row[place] == events.row) & (since >= 0) & (since <= self.windows.longest_pay)
        counts &= known <= self.windows.lifetime
        carted = np.zeros(len(samples))
        carted[order[place[counts]]] = 1.0
        nothing = np.isnan(samples.converted) | ((samples.row < 0) & (samples.column("clicked") != 0))
        carted[nothing] = np.nan
        return carted
