"""Direct and delayed pays: what is true of them, and what a cart does to it.

*Direct*: the first pay comes on the click's own day. *Delayed*: the click lies in the pre-promotion window of a promotion
(its ``anticipation``), nothing is paid on the click's day, and the first pay comes inside that promotion. *Carted*: an
ordinary cart on the click's day (before the opening, if the sale opens on that day). Carts of those who wait for a sale are
no treatment: they come of the wish to pay later, and change nothing.

* ``p_direct``, ``p_delayed``: closed form, hidden intent known.
* ``delayed_if_cart``, ``delayed_if_none`` (0 or 1): what ``delayed`` would be with a cart on the click's day and without one,
  all else being equal: in the arm that happened it is what happened. ``p_delayed_if_cart``, ``p_delayed_if_none``: their
  probabilities. They differ only through coming back at the opening (`revisit`), and one uniform decides both.
* ``p_cart``: P(carted | neither paid nor begun to wait by the end of the click's day), hidden intent known; with a hidden
  intent ``p_cart_marginal`` is the same given the features alone. Among those clicks, given features and intent, being carted
  is independent of both potential outcomes.
* ``intent``: the hidden value; 0 without one. ``participating`` (0 or 1): whether the item takes part in the promotion that is
  on, or comes next.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.log.schema import Bool, Float64, Int64
from simulator.units import DAY, HOUR
from simulator.worlds.affinity import Visit
from simulator.worlds.hazards import Considering
from simulator.worlds.levels import Levels
from simulator.worlds.mechanism import Mechanism, end_of_day
from simulator.worlds.paying import BLOCK, pay_probabilities
from simulator.worlds.promotion_settings import WorldPromotion

PROBABILITIES = ("p_direct", "p_delayed", "p_delayed_if_cart", "p_delayed_if_none", "p_cart")
DELAYED_COLUMNS = (*PROBABILITIES, "delayed_if_cart", "delayed_if_none", "intent", "participating")
MARGINAL = "p_cart_marginal"


class PrePromotion:
    """Pre-promotion windows, and the promotions that they lead to; ``start`` and ``end`` in microseconds."""

    def __init__(self, promotions: Sequence[WorldPromotion]) -> None:
        sales = sorted(promotions, key=lambda p: p.start)
        self.start: Int64 = np.array([p.start for p in sales])
        self.end: Int64 = np.array([p.end for p in sales])
        self._first: Int64 = np.array([p.start - p.anticipation for p in sales])

    def of(self, time: Int64) -> Int64:
        """Return the next promotion of each instant (index by start), if it lies in its pre-promotion window; else -1."""
        coming = np.searchsorted(self.start, time, side="right")
        sale = np.minimum(coming, len(self.start) - 1)
        return np.where((coming < len(self.start)) & (time >= self._first[sale]), sale, -1)

    def delayed(self, time: Int64, first_pay: Int64) -> Bool:
        """Return which clicks have a delayed pay; ``first_pay`` is beyond all promotions where there is none."""
        sale = self.of(time)
        inside = (first_pay >= self.start[sale]) & (first_pay < self.end[sale])
        result: Bool = (sale >= 0) & inside & (first_pay // DAY > time // DAY)
        return result


def probabilities(mechanism: Mechanism, before: PrePromotion, state: Considering) -> tuple[Float64, ...]:
    """Return the columns of `PROBABILITIES`."""
    waiting, revisit, time = mechanism.schedule.waiting, state.revisit, state.time
    assert revisit is not None
    tonight = end_of_day(time)
    direct = pay_probabilities(state, np.minimum(tonight - time, mechanism.attribution), waiting).total
    columns = [direct, *(np.zeros_like(direct) for _ in range(3)), -np.expm1(-revisit.today)]
    sale = before.of(np.rint(time * HOUR).astype(np.int64))
    ahead = np.flatnonzero(sale >= 0)
    if len(ahead):
        state, revisit, sale = state.take(ahead), revisit.take(ahead), sale[ahead]
        first = np.maximum(before.start[sale] / HOUR, tonight[ahead]) - state.time
        last = np.minimum(before.end[sale] / HOUR - state.time, mechanism.attribution)
        first = np.minimum(first, last)
        for column, chance in zip(columns[1:4], (revisit.chance, revisit.some, revisit.none), strict=True):
            paid = [pay_probabilities(state, until, waiting, chance).total for until in (first, last)]
            column[ahead] = paid[1] - paid[0]
    return tuple(columns)


def potential_outcomes(
    before: PrePromotion, time: Int64, first_pays: tuple[Int64, Int64]
) -> dict[str, Float64]:
    """Return what ``delayed`` would be, from when a click would pay first with a cart on its day, and without one."""
    names = "delayed_if_cart", "delayed_if_none"
    return {
        name: before.delayed(time, pay).astype(np.float64)
        for name, pay in zip(names, first_pays, strict=True)
    }


def cart_given_features(mechanism: Mechanism, levels: Levels, time: Float64, visit: Visit) -> Float64:
    """Return ``p_cart`` with the hidden intent summed out, as it is among those who still consider at the end of the day."""
    hidden, result = mechanism.hidden, np.empty(len(time))
    for first in range(0, len(time), BLOCK):
        part = slice(first, first + BLOCK)
        some, hours = visit.take(part), time[part]
        until = np.minimum(end_of_day(hours) - hours, mechanism.attribution)
        still, carted = np.zeros(len(hours)), np.zeros(len(hours))
        for point, chance in enumerate(hidden.chance):
            state = mechanism.considering(hours, some, levels, np.full(len(hours), point))
            assert state.revisit is not None
            cut = np.minimum(until, state.revisit.opening - hours)
            here = chance * np.exp(-state.cumulative(cut))
            still += here
            carted -= here * np.expm1(-state.revisit.today)
        result[part] = carted / still
    return result
