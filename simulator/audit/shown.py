"""Whether what becomes known of impressions, and when, depends on what is known by then alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from simulator.exposures import ExposureReader, Exposures, SliceReader
from simulator.log.memory import MemoryLog
from simulator.log.schema import Bool, EventBatch, ImpressionBatch, Int64
from simulator.log.source import Source
from simulator.randomness import generator
from simulator.samples import Samples
from simulator.windows import Windows

NAME = "impressions"
_WHY = {
    "cut": "a click, a coin or a pay after the cut, or an impression shown after it",
    "scrambled": "who clicked after the cut, or what came of it",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What became known of impressions up to ``cut``: in truth, and where the future after it was another."""

    cut: int
    how: Literal["cut", "scrambled"]
    true: Samples
    other: Samples

    @property
    def why(self) -> str:
        """What was another in that future."""
        return _WHY[self.how]


def impressions_in_memory(source: Source, start: int, until: int) -> ImpressionBatch:
    """Read what was shown in ``[start, until)``, the randomised slice included, without features."""
    parts = [
        batch
        for which in ("all", "slice")
        for batch in source.impressions(start, until, features=False, which=which)
        if len(batch)
    ]
    joined = ImpressionBatch.concatenate(parts)
    return joined[np.lexsort((joined.impression_id, joined.time))]


def hear_again(
    shown: ImpressionBatch,
    windows: Windows,
    start: int,
    until: int,
    cuts: Sequence[int],
    tick: int,
    seed: int,
) -> Iterator[Heard]:
    """Yield what becomes known up to each cut, with the true future and with others."""
    if not cuts:
        return
    whole = _heard(shown, windows, start, cuts[-1] + 1, tick)
    for cut in cuts:
        true = whole[whole.visible_time <= cut]
        for how, other in _futures(shown, windows, cut, until, seed).items():
            # Other ticks, too: nothing shall depend on how the replay is cut.
            found = _heard(other, windows, start, cut + 1, max(1, tick * 5 // 8))
            yield Heard(cut, how, true.samples(), found.samples())


def _heard(shown: ImpressionBatch, windows: Windows, start: int, until: int, tick: int) -> Exposures:
    """Return all that becomes known in ``[start, until)``, of the slice as well, read tick by tick."""
    none = np.empty(0, np.int64)
    log = MemoryLog(none, none, EventBatch.empty(), impression=shown)
    parts = []
    for reader in (reading(log, windows, start, features=False, batch_rows=65_536) for reading in READERS):
        parts += [reader.take(min(now + tick, until)) for now in range(start, until, tick)]
    told = [part for part in parts if len(part)]
    if not told:
        return replace(Exposures.empty(), features=np.empty((0, 0), np.int32))
    joined = Exposures.concatenate(told)
    return joined[np.lexsort((joined.impression, joined.visible_time))]


READERS = (ExposureReader, SliceReader)


def _futures(
    shown: ImpressionBatch, windows: Windows, cut: int, until: int, seed: int
) -> Mapping[Literal["cut", "scrambled"], ImpressionBatch]:
    """Return the impressions as they are known up to ``cut``, and with another future after it."""
    past = shown.time <= cut
    to_click = shown.click_time > cut
    # What a coin's click comes to is known when the windows after it have closed.
    to_pay = (shown.paid >= 0) & (shown.time + windows.click + windows.closing > cut)
    known = replace(
        shown, **{name: getattr(shown, name).copy() for name in ("click_row", "click_time", "paid")}
    )
    known.click_row[to_click] = known.click_time[to_click] = -1
    known.paid[to_pay] = 1 - known.paid[to_pay]
    rng = generator(seed, "audit impressions", cut)
    return {"cut": known[past], "scrambled": _scrambled(known, to_click, past, cut, until, rng)}


def _scrambled(
    known: ImpressionBatch, to_click: Bool, past: Bool, cut: int, until: int, rng: np.random.Generator
) -> ImpressionBatch:
    """Give the clicks to come to other impressions that have none, at other instants after the cut."""
    free: Int64 = np.flatnonzero((known.click_row < 0) & (known.coin < 0))
    chosen = np.sort(rng.permutation(free)[: int(np.count_nonzero(to_click))])
    mixed = replace(known, click_row=known.click_row.copy(), click_time=known.click_time.copy())
    mixed.click_row[chosen] = np.arange(len(chosen))
    first = np.maximum(known.time[chosen], cut) + 1
    mixed.click_time[chosen] = first + (rng.random(len(chosen)) * max(until - cut, 1)).astype(np.int64)
    later = np.flatnonzero(~past & (known.coin >= 0))
    mixed.coin = mixed.coin.copy()
    mixed.coin[later] = mixed.coin[rng.permutation(later)]
    return mixed
