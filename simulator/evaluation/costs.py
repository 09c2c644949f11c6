"""What a delay policy costs: how much it delivers, how late, and how often what it says is not (yet) true."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.clock import UTC_CLOCK, Clock
from simulator.histogram import LogHistogram
from simulator.log.schema import Bool, Columns, Float64, Int64, Labels, UInt8
from simulator.samples import Samples
from simulator.units import DAY, SECOND

RETAINED = 1 << 20
"""Final clicks whose labels are kept, for samples that arrive after their click was final."""

_DELIVERED, _JUDGED, _RIGHT, _NEGATIVES, _FAKE = range(5)
_SEEN, _CORRECT = np.uint8(1), np.uint8(2)
_CLOSE = 1e-6
_EDGES: Float64 = SECOND * 10.0 ** (np.arange(24 * 8 + 1) / 24)
"""Where distribution functions of durations are told, in microseconds: from 1 s to 10^8 s (three years)."""


@dataclass(slots=True)
class _Held(Columns):
    """Delivered samples that wait for their final labels."""

    row: Int64
    visible: Int64
    age: Int64
    converted: Float64
    refunded: Float64
    gmv: Float64


@dataclass(slots=True)
class _Final:
    """Final labels of consecutive final rows from ``row`` on, and what the method did with each of them."""

    row: int
    converted: Bool
    refunded: Bool
    gmv: Float64
    state: UInt8


class CostMeter:
    """Measures one method's deliveries against the final labels, fed in any interleaving.

    Definitions (retractions, whose weight is not positive, are counted as such and otherwise left out):

    * duplication factor: samples / clicks that had at least one sample;
    * a sample is right if each target it states is the final one (soft targets: on the right side of 1/2;
      GMV: to 1e-6 of its value). Label accuracy: right samples / samples whose click was final;
    * fake-negative rate: among those that say ``converted = 0``, the share whose click converts in the end;
    * label age: visible time minus click time, of every sample (delivery delay) and of the first sample of
      each click (age at first use);
    * correction lag: over clicks whose first sample was wrong and that had a right one later, the visible
      time of the first right sample minus the click time. Uncorrected rate: of the clicks whose first sample
      was wrong, the share that never had a right one.
    """

    def __init__(self, clock: Clock = UTC_CLOCK) -> None:
        self._clock = clock
        self.delay, self.first_use, self.correction = (LogHistogram(1, 0, 50, _EDGES) for _ in range(3))
        self._samples = self._retractions = self._clicks = self._wrong_first = self._late = 0
        self._days: dict[int, Int64] = {}
        self._held: list[_Held] = []
        self._held_rows = 0
        self._final: deque[_Final] = deque()
        self._final_until = -1
        self._pending = 0

    def delivered(self, samples: Samples) -> None:
        """Count samples as the learner is given them."""
        used = samples.weight > 0
        self._retractions += len(samples) - int(np.count_nonzero(used))
        samples = samples if used.all() else samples[used]
        if not len(samples):
            return
        self._samples += len(samples)
        age = samples.visible_time - samples.click_time
        self.delay.add(0, age)
        self._count(samples.visible_time, _DELIVERED)
        self._held.append(
            _Held(samples.row, samples.visible_time, age, samples.converted, samples.refunded, samples.gmv)
        )
        self._held_rows += len(samples)

    def finalise(self, row: int, labels: Labels) -> None:
        """Enter the final labels of consecutive rows, as they mature."""
        if not len(labels):
            return
        if self._final and row != self._final_until:
            raise ValueError(
                f"final labels: got row {row} after row {self._final_until - 1}; rows must be consecutive"
            )
        final = _Final(row, labels.converted, labels.refunded, labels.gmv, np.zeros(len(labels), np.uint8))
        self._final.append(final)
        self._final_until = row + len(labels)
        self._pending += len(labels)
        # Each resolution scans all that is held: waiting until a share of it can go keeps the cost linear.
        if self._pending * 4 >= self._held_rows:
            self._resolve()

    def summary(self) -> dict[str, Any]:
        """Return the costs as plain numbers (durations in seconds; NaN where undefined)."""
        self._resolve()
        days = sorted(self._days)
        table = np.array([self._days[day] for day in days], np.int64).reshape(len(days), 5)
        total = table.sum(axis=0)
        seconds, share = _curve(self.delay)
        corrected = self.correction.of().total
        return {
            "samples": self._samples,
            "clicks": self._clicks + self._open_clicks(),
            "duplication_factor": _ratio(self._samples, self._clicks + self._open_clicks()),
            "retractions": self._retractions,
            "judged": int(total[_JUDGED]),
            "unjudged": self._samples - int(total[_JUDGED]),
            "label_accuracy": _ratio(total[_RIGHT], total[_JUDGED]),
            "fake_negative_rate": _ratio(total[_FAKE], total[_NEGATIVES]),
            "label_age_s": _durations(self.first_use),
            "delivery_delay_s": _durations(self.delay),
            "correction_lag_s": _durations(self.correction),
            "corrected_clicks": corrected,
            "uncorrected_rate": _ratio(self._wrong_first - corrected, self._wrong_first),
            "delay_cdf": {"seconds": seconds, "share": share},
            "by_day": {
                "day": days,
                "delivered": table[:, _DELIVERED].tolist(),
                "label_accuracy": [_ratio(r, n) for r, n in table[:, [_RIGHT, _JUDGED]]],
                "fake_negative_rate": [_ratio(f, n) for f, n in table[:, [_FAKE, _NEGATIVES]]],
            },
        }

    def _open_clicks(self) -> int:
        """Clicks that have samples but no final label (yet)."""
        return len(np.unique(np.concatenate([held.row for held in self._held]))) if self._held else 0

    def _count(self, visible: Int64, what: int) -> None:
        day = self._clock.local(visible) // DAY
        first = int(day.min()) if len(day) else 0
        for offset, n in enumerate(np.bincount(day - first)):
            if n:
                self._days.setdefault(first + offset, np.zeros(5, np.int64))[what] += n

    def _resolve(self) -> None:
        """Judge every held sample whose click is final."""
        self._pending = 0
        if self._held:
            held = _Held.concatenate(self._held)
            final = held.row < self._final_until
            if final.any():
                self._judge(held[final])
                held = held[~final]
            self._held, self._held_rows = ([held], len(held.row)) if len(held.row) else ([], 0)
        self._forget()

    def _judge(self, held: _Held) -> None:
        oldest = self._final[0].row
        known = held.row >= oldest
        if not known.all():
            self._late += int(np.count_nonzero(~known))
            held = held[known]
        if not len(held.row):
            return
        held = held[np.lexsort((held.visible, held.row))]
        final = self._labels_of(int(held.row[0]), int(held.row[-1]) + 1)
        at = held.row - final.row
        right = _right(held, final, at)
        negative = held.converted < 0.5
        self._count(held.visible, _JUDGED)
        self._count(held.visible[right], _RIGHT)
        self._count(held.visible[negative], _NEGATIVES)
        self._count(held.visible[negative & final.converted[at]], _FAKE)
        self._follow(held, at, right, final)

    def _follow(self, held: _Held, at: Int64, right: Bool, final: _Final) -> None:
        """Follow each click from its first sample to its first right one; ``held`` is in that order."""
        leads = np.append(True, at[1:] != at[:-1])
        first = leads & (final.state[at] & _SEEN == 0)
        self._clicks += int(np.count_nonzero(first))
        self._wrong_first += int(np.count_nonzero(first & ~right))
        self.first_use.add(0, held.age[first])
        hits = np.flatnonzero(right)
        hits = hits[np.append(True, at[hits][1:] != at[hits][:-1])] if len(hits) else hits
        hits = hits[final.state[at[hits]] & _CORRECT == 0]
        self.correction.add(0, held.age[hits[~first[hits]]])
        state = final.state.copy()
        state[at] |= _SEEN
        state[at[hits]] |= _CORRECT
        self._keep_state(final.row, state)

    def _labels_of(self, start: int, stop: int) -> _Final:
        """Join the final chunks that cover the rows ``[start, stop)``."""
        parts = [part for part in self._final if part.row < stop and part.row + len(part.state) > start]
        if len(parts) == 1:
            return parts[0]
        joined: list[NDArray[Any]] = [
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("converted", "refunded", "gmv", "state")
        ]
        return _Final(parts[0].row, *joined)

    def _keep_state(self, row: int, state: UInt8) -> None:
        for part in self._final:
            start = part.row - row
            if 0 <= start < len(state):
                part.state = state[start : start + len(part.state)].copy()

    def _forget(self) -> None:
        while (
            self._final and self._final_until - (self._final[0].row + len(self._final[0].state)) >= RETAINED
        ):
            self._final.popleft()


def _right(held: _Held, final: _Final, at: Int64) -> Bool:
    """Whether every target a sample states is the final one."""
    gmv = final.gmv[at]
    with np.errstate(invalid="ignore"):
        wrong: Bool = (held.converted >= 0.5) != final.converted[at]
        wrong &= ~np.isnan(held.converted)
        wrong |= ~np.isnan(held.refunded) & ((held.refunded >= 0.5) != final.refunded[at])
        wrong |= np.abs(held.gmv - gmv) > _CLOSE * np.maximum(np.abs(gmv), 1.0)
    return ~wrong


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else math.nan


def _durations(histogram: LogHistogram) -> dict[str, float]:
    found = histogram.of()
    values = {"mean": found.mean(), **{f"p{round(100 * q)}": found.quantile(q) for q in (0.1, 0.5, 0.9)}}
    return {name: math.nan if value is None else value / SECOND for name, value in values.items()}


def _curve(histogram: LogHistogram) -> tuple[list[float], list[float]]:
    """Return the distribution function from where it leaves 0 to where it reaches 1: seconds, and the share not above."""
    total = histogram.of().total
    if not total:
        return [], []
    reached = histogram.reached[0, 1:]  # the first threshold is 0, which is no edge
    first = max(0, int(np.searchsorted(reached, 0, side="right")) - 1)
    last = min(len(_EDGES) - 1, int(np.searchsorted(reached, total)))
    return (
        [round(float(edge), 3) for edge in _EDGES[first : last + 1] / SECOND],
        [round(float(count) / total, 6) for count in reached[first : last + 1]],
    )
