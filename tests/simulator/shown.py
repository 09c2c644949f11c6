"""Small random logs with impressions, and the slow obvious account of what becomes known of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from simulator.log.memory import MemoryLog, random_log
from simulator.log.schema import Float64, ImpressionBatch
from simulator.randomness import generator
from simulator.units import DAY
from simulator.windows import Windows


def shown_log(seed: int, windows: Windows, *, clicks: int = 200, days: int = 4) -> MemoryLog:
    """Return a log in which every click has an impression before it, some too long before, among many unclicked ones.

    Instants are coarse, so that ties are common; one in ten of the further impressions is in the randomised slice.
    """
    rng = generator(seed, "shown log")
    log = random_log(rng, clicks, windows, days=days)
    further = 4 * clicks
    step = max(windows.click // 4, 1)
    before = rng.integers(0, 6, clicks) * step  # a window, a little more, or less
    time = np.concatenate(
        [np.maximum(log.click_time - before, 0), rng.integers(0, days * DAY // step, further) * step]
    )
    row = np.concatenate([np.arange(clicks), np.full(further, -1)])
    coin = np.concatenate(
        [np.full(clicks, -1), np.where(rng.random(further) < 0.1, rng.integers(0, 2, further), -1)]
    )
    order = np.lexsort((row, time))
    time, row, coin = time[order], row[order], coin[order].astype(np.int8)
    n = len(time)
    features = np.stack([np.arange(n), row, coin], axis=1).astype(np.int32)
    clicked = np.where(row >= 0, log.click_time[row], -1)
    paid = np.where(coin == 1, rng.integers(0, 2, n), -1).astype(np.int8)
    shown = ImpressionBatch(np.arange(n), np.arange(n) + 7, time, row, clicked, coin, paid, features)
    return replace(log, impression=shown)


def known(log: MemoryLog, windows: Windows, start: int, end: int) -> list[tuple[int, int, str, float, float]]:
    """List what becomes known in ``[start, end)``: (instant, impression, role, clicked, converted), -9 for null."""
    shown, found = log.impression, []
    assert shown is not None
    for k in range(len(shown)):
        time, click, row = int(shown.time[k]), int(shown.click_time[k]), int(shown.click_row[k])
        if shown.coin[k] >= 0:
            if shown.coin[k] == 1:
                due = time + windows.click + windows.closing
                found.append((due, k, "slice", -9.0, float(shown.paid[k])))
        elif row >= 0 and click <= time + windows.click - (windows.edges == "exclusive"):
            found.append((click, k, "click", 1.0, -9.0))
        else:
            found.append((time + windows.click, k, "impression", 0.0, 0.0))
    return sorted(entry for entry in found if start <= entry[0] < end)


class Told(MemoryLog):
    """A log that knows what would have come of every click."""

    has_exposure = True

    def exposure(
        self, start: int | None = None, end: int | None = None
    ) -> Iterator[tuple[int, dict[str, Float64]]]:
        assert self.impression is not None
        first = int(np.searchsorted(self.impression.time, start or 0))
        for row in range(first, len(self.impression), 100):
            rows = np.arange(row, min(row + 100, len(self.impression)))
            yield row, {"would_pay": (rows % 3 == 0).astype(float), "q": rows / 1e6}


def told_log(seed: int, windows: Windows, **sizes: int) -> Told:
    """Return such a log that knows what would have come of every click: in every third case a conversion."""
    plain = shown_log(seed, windows, **sizes)
    return Told(**{name: getattr(plain, name) for name in MemoryLog.__dataclass_fields__})
