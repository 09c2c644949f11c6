"""When it was known whether a day's target was kept: what was spent is known at once, what came of it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from simulator.auction.heard import Conversions
from simulator.auction.offers import Offers
from simulator.auction.room import Won
from simulator.calendar import Calendar
from simulator.log.schema import Float64
from simulator.units import DAY, HOUR


class Known:
    """Spend by day, and what arrived of that day's clicks by the hour of its arrival."""

    def __init__(self, calendar: Calendar) -> None:
        self._clock = calendar.clock
        self._spend: dict[int, float] = {}
        self._heard: dict[int, dict[int, Float64]] = {}

    def add(self, offers: Offers, won: Won) -> None:
        """Enter what was spent."""
        day = self._clock.local(offers.time) // DAY
        for which in np.unique(day).tolist():
            self._spend[which] = self._spend.get(which, 0.0) + float(won.price[day == which].sum())

    def heard(self, conversions: Conversions) -> None:
        """Enter what arrived."""
        day = self._clock.local(conversions.click_time) // DAY
        hour = self._clock.local(conversions.time) // HOUR
        cells, place = np.unique(np.stack([day, hour]), axis=1, return_inverse=True)
        place = place.ravel()
        sums = [np.bincount(place, of, cells.shape[1]) for of in (conversions.count, conversions.revenue)]
        for of_day, at, *part in zip(*cells.tolist(), *sums, strict=True):
            hours = self._heard.setdefault(of_day, {})
            hours[at] = hours.get(at, np.zeros(2)) + np.array(part)

    def days(self, kind: str, target: float, tolerance: float = 0.05) -> list[dict[str, float]]:
        """Return by day what a conversion cost ("cpa"), or what came back for what was spent ("roas"), and when it was known.

        ``kept`` is 1 where the target was kept. ``known`` is how many hours after the day's end that ratio came, for good,
        within ``tolerance`` of what it is in the end; below 0 if the day was not over. ``soon`` is the ratio as it was known at
        the day's end.
        """
        found = []
        for day, spend in sorted(self._spend.items()):
            hours = sorted(self._heard.get(day, {}).items())
            times = [hour for hour, _ in hours]
            came = np.cumsum([part[0 if kind == "cpa" else 1] for _, part in hours])
            ratios = [_ratio(kind, spend, amount) for amount in came]
            final = ratios[-1] if ratios else _ratio(kind, spend, 0.0)
            off = [k for k, ratio in enumerate(ratios) if not abs(ratio - final) <= tolerance * abs(final)]
            settled = times[min(off[-1] + 1 if off else 0, len(times) - 1)] + 1 if times else (day + 1) * 24
            found.append(
                {
                    "day": float(day),
                    "ratio": final,
                    "kept": float(final <= target if kind == "cpa" else final >= target),
                    "known": float(settled - (day + 1) * 24),
                    "soon": _ratio(kind, spend, _at(times, came, (day + 1) * 24)),
                }
            )
        return found


def _ratio(kind: str, spend: float, came: float) -> float:
    if kind == "cpa":
        return spend / came if came > 0 else math.inf
    return came / spend if spend else math.nan


def _at(times: Sequence[int], came: Float64, end: int) -> float:
    """Return what had come before an hour began."""
    before = sum(hour < end for hour in times)
    return float(came[before - 1]) if before else 0.0
