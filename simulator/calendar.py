"""The promotion calendar: which phase an instant belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.clock import UTC_CLOCK, Clock
from simulator.log.schema import Bool, Int64, UInt8
from simulator.units import DAY

PHASES = ("before", "anticipation", "promotion", "after")
"""Names of the phases; a phase code is the index into this tuple."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """One promotion, in microseconds from the log's origin.

    ``anticipation`` is how long before ``start`` the phase of that name begins; the phase "after" lasts until the
    anticipation of the next promotion, or for ever.
    """

    name: str
    start: int
    end: int
    anticipation: int = 3 * DAY


@dataclass(frozen=True, slots=True)
class Calendar:
    """Promotions in order of their start; without one, every instant is "before". ``clock`` is local time of the log."""

    promotions: tuple[Promotion, ...] = ()
    clock: Clock = UTC_CLOCK

    @classmethod
    def of(cls, promotions: Sequence[Promotion], clock: Clock = UTC_CLOCK) -> Calendar:
        """Sort the promotions by their start."""
        return cls(tuple(sorted(promotions, key=lambda p: (p.start, p.end, p.name))), clock)

    def switches(self) -> tuple[Int64, UInt8]:
        """Return the instants at which the phase changes, and the code of the phase that begins there."""
        changes: dict[int, int] = {}
        for promotion in self.promotions:
            start = promotion.start - promotion.anticipation
            overlapped = [t for t in changes if t >= start]
            for t in overlapped:
                del changes[t]
            if promotion.anticipation:
                changes[start] = PHASES.index("anticipation")
            changes[promotion.start] = PHASES.index("promotion")
            changes[promotion.end] = PHASES.index("after")
        times = sorted(changes)
        return np.array(times, np.int64), np.array([changes[t] for t in times], np.uint8)

    def phase(self, time: Int64) -> UInt8:
        """Return the phase code of each instant. Intervals are half-open: a switch belongs to the new phase."""
        times, codes = self.switches()
        return np.concatenate([np.zeros(1, np.uint8), codes])[np.searchsorted(times, time, side="right")]

    def in_sale(self, time: Int64) -> Bool:
        """Tell which instants lie inside a promotion."""
        inside = np.zeros(len(time), np.bool_)
        for promotion in self.promotions:
            inside |= (time >= promotion.start) & (time < promotion.end)
        return inside


NO_PROMOTIONS = Calendar()
"""Nothing announced, and UTC."""
