"""Before a sale: which clicks lie in the pre-promotion window of a promotion, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.calendar import Calendar
from simulator.log.schema import Bool, Float64, Int64
from simulator.units import DAY

OUTCOMES = ("direct", "delayed", "same_day_cart")
"""What becomes of a click before a sale, as samples carry it."""


@dataclass(frozen=True, slots=True)
class PrePromotion:
    """What the calendar says of clicks before a sale.

    The pre-promotion window of a promotion is its anticipation: from ``start - anticipation`` up to ``start``. A click in it is
    *direct* if it pays first on its own local calendar day, *delayed* if it does not and pays first inside the sale (from
    ``start`` up to ``end``), *carted* if a cart falls on its own local day. Of a click outside all windows, none of it is said.
    A click that is in several windows belongs to the promotion that starts soonest.
    """

    calendar: Calendar

    def promotion(self, time: Int64) -> Int64:
        """Return the position in the calendar of the promotion whose window each click lies in; -1 for none."""
        found = np.full(len(time), -1, np.int64)
        for place in reversed(range(len(self.calendar.promotions))):
            of = self.calendar.promotions[place]
            found[(time >= of.start - of.anticipation) & (time < of.start)] = place
        return found

    def inside(self, time: Int64) -> Bool:
        """Tell which clicks lie in a window."""
        within: Bool = self.promotion(time) >= 0
        return within

    def opening(self, time: Int64) -> Int64:
        """Return when the sale of each click starts; -1 where it has none."""
        return self._of(time, [promotion.start for promotion in self.calendar.promotions])

    def closing(self, time: Int64) -> Int64:
        """Return when the sale of each click is over; -1 where it has none."""
        return self._of(time, [promotion.end for promotion in self.calendar.promotions])

    def _of(self, time: Int64, instants: list[int]) -> Int64:
        return np.array([*instants, -1], np.int64)[self.promotion(time)]

    def same_day(self, time: Int64, later: Int64) -> Bool:
        """Tell where something happened (-1: it did not) on the local calendar day of the click."""
        local = self.calendar.clock.local
        day: Bool = local(np.maximum(later, 0)) // DAY == local(time) // DAY
        return day & (later >= 0)

    def direct(self, time: Int64, first_pay: Int64) -> Bool:
        """Tell which clicks of the windows paid first on their own day; ``first_pay`` is -1 where there is none."""
        return self.inside(time) & self.same_day(time, first_pay)

    def delayed(self, time: Int64, first_pay: Int64) -> Bool:
        """Tell which clicks of the windows did not pay on their own day, and paid first inside the sale."""
        in_sale = (first_pay >= self.opening(time)) & (first_pay < self.closing(time))
        return self.inside(time) & in_sale & ~self.same_day(time, first_pay)

    def carted(self, time: Int64, first_cart: Int64) -> Bool:
        """Tell which clicks of the windows had a cart on their own day; ``first_cart`` is -1 where there is none."""
        return self.inside(time) & self.same_day(time, first_cart)

    def outcomes(self, time: Int64, first_pay: Int64, first_cart: Int64) -> dict[str, Float64]:
        """Return `OUTCOMES` of each click, 1 or 0; NaN outside the windows."""
        told = self.direct(time, first_pay), self.delayed(time, first_pay), self.carted(time, first_cart)
        inside = self.inside(time)
        return {name: np.where(inside, of, np.nan) for name, of in zip(OUTCOMES, told, strict=True)}

    def settled(self, time: Int64) -> Int64:
        """Return when it is decided what each click of the windows is: its sale and its own day are over; -1 elsewhere."""
        clock = self.calendar.clock
        midnight = clock.instants((clock.local(time) // DAY + 1) * DAY)
        return np.where(self.inside(time), np.maximum(self.closing(time), midnight), -1)
