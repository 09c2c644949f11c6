"""What is true of every click: exact probabilities of paying, and the two expectations that need a
quadrature.

* ``p_pay``, ``p_pay_observed``: closed form, waiting for a sale included; given what can be seen and the
  hidden intent. ``p_pay_marginal``: the intent summed out (only where there is one, then ``hidden`` is its
  value).
* ``p_delayed_cart``, ``p_delayed_no_cart``: P(pay after the observation window | a cart inside it, none inside
  it); closed form but for one quadrature (`paying.delayed_pay`).
* ``p_refund``: P(refund inside its window | a pay inside the attribution window); closed form where no
  promotion touches refunds; else the closed form given the pay time, summed over sixteen intervals of the pay
  time whose probabilities are exact.
* ``p_refund_observed``: the same with the observation window, counted from the pay, in the place of the
  refund window (where that is the longer one). P(pay, refund that is observed) = p_pay * p_refund_observed.
* `delayed`: the further columns of worlds with a revisit.
* ``expected_gmv``: the same sixteen exact probabilities, times the worth of a first pay in each
  (`spending.worth`), averaged over six parts. On a promotion's days the tables stand on whole hours of click
  time and are interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulator.log.schema import Float64, Int64
from simulator.units import HOUR
from simulator.worlds.affinity import Visit
from simulator.worlds.delayed import (
    DELAYED_COLUMNS,
    MARGINAL,
    PROBABILITIES,
    PrePromotion,
    cart_given_features,
    probabilities,
)
from simulator.worlds.hazards import Considering
from simulator.worlds.levels import Levels
from simulator.worlds.mechanism import Mechanism
from simulator.worlds.paying import BLOCK, delayed_pay, pay_by_intent, pay_probabilities
from simulator.worlds.promotion import ReturnTime
from simulator.worlds.settings import WorldSettings
from simulator.worlds.spending import INTERVALS, Grid, later, worth

COLUMNS = (
    "p_pay",
    "p_pay_observed",
    "p_refund",
    "p_refund_observed",
    "expected_gmv",
    "p_delayed_cart",
    "p_delayed_no_cart",
)
OBSERVED = ("p_pay_observed", "p_refund_observed", "p_delayed_cart", "p_delayed_no_cart")
"""Those of an observation window; nothing else of a world depends on it."""
UNOBSERVED = tuple(name for name in COLUMNS if name not in OBSERVED)
HIDDEN_COLUMNS = ("p_pay_marginal", "hidden")


def truth_columns(settings: WorldSettings, *, observed: bool) -> tuple[str, ...]:
    """Return the names of the truth columns of a world, with those of an observation window or without."""
    hidden = settings.confounder.strength > 0
    names = COLUMNS if observed else UNOBSERVED
    if hidden:
        names += HIDDEN_COLUMNS
    if settings.delayed:
        names += (*DELAYED_COLUMNS, MARGINAL) if hidden else DELAYED_COLUMNS
    return names


@dataclass(frozen=True, slots=True)
class DayTables:
    """What a pay in each interval of elapsed time means, for clicks at the whole hours of a day (one row
    where all are alike), from ``first_hour`` on.

    ``wait`` (chance to wait): (hours, intervals). ``refund`` (unit refund hazard inside the refund and inside
    the observation window): (windows, hours, intervals). ``worth``: (classes, hours, intervals).
    ``back_refund`` (promotions, windows, hours) and ``back_worth`` (promotions, classes, hours): the same for
    those who come back.
    """

    first_hour: int
    alike: bool
    wait: Float64
    refund: Float64
    worth: Float64
    back_refund: Float64
    back_worth: Float64


class Truth:
    """Compute the truth columns of a day's clicks."""

    def __init__(self, mechanism: Mechanism, levels: Levels) -> None:
        self.mechanism = mechanism
        self.grid = Grid(mechanism.attribution, mechanism.settings.delay)
        window = mechanism.refund_window
        self._refund_windows = (window, min(window, mechanism.observation))
        self.before_sales = PrePromotion(mechanism.settings.promotion)
        ordinary = Mechanism(
            mechanism.settings, mechanism.windows, 0, ordinary=True, repurchase=levels.repurchase
        )
        hours = np.arange(25.0) if mechanism.daily_repurchase else np.zeros(1)
        self._ordinary = self._tables(ordinary, 0, hours)

    def columns(
        self, day: int, state: Considering, visit: Visit, refund_level: Float64, cart_level: Float64
    ) -> dict[str, Float64]:
        """Return the truth columns. The levels (n,) are those of each click's refund and cart hazards."""
        tables, n = self._of_day(day, state), len(refund_level)
        names = COLUMNS if self.mechanism.observed else UNOBSERVED
        if state.revisit is not None:
            names += PROBABILITIES
        truth = np.empty((len(names), n))
        for first in range(0, n, BLOCK):
            part = slice(first, first + BLOCK)
            truth[:, part] = self._block(
                tables,
                state.take(part),
                loyalty=visit.loyalty[part],
                spending=visit.spending[part],
                refund_level=refund_level[part],
                cart_level=cart_level[part],
            )
        return dict(zip(names, truth, strict=True))

    def hidden_columns(self, time: Float64, visit: Visit, levels: Levels) -> dict[str, Float64]:
        """Return the columns that say what a hidden intent is, and what is true without knowing it."""
        delayed = self.mechanism.settings.delayed
        if visit.hidden is None:
            return {"intent": np.zeros(len(time))} if delayed else {}
        hidden = self.mechanism.hidden
        _, marginal = pay_by_intent(self.mechanism, levels, time, visit, [hidden.chance])
        columns = dict(zip(HIDDEN_COLUMNS, (marginal, hidden.value[visit.hidden]), strict=True))
        if delayed:
            columns["intent"] = columns["hidden"]
            columns[MARGINAL] = cart_given_features(self.mechanism, levels, time, visit)
        return columns

    def _block(
        self,
        tables: DayTables,
        state: Considering,
        *,
        loyalty: Int64,
        spending: Float64,
        refund_level: Float64,
        cart_level: Float64,
    ) -> tuple[Float64, ...]:
        mechanism, waiting = self.mechanism, self.mechanism.schedule.waiting
        whole = pay_probabilities(state, mechanism.attribution, waiting)
        value, *refunds = self._expect(
            tables, state, loyalty=loyalty, level=refund_level, direct=whole.direct, back=whole.returned
        )
        amount, paid = mechanism.settings.amount, whole.total
        size = np.exp(amount.level + spending + amount.spread)
        refunded, seen = (np.divide(r, paid, out=np.zeros_like(paid), where=paid > 0) for r in refunds)
        columns: tuple[Float64, ...] = paid, refunded, size * value
        if mechanism.observed:
            early = pay_probabilities(state, mechanism.observation, waiting)
            delayed = delayed_pay(mechanism, state, cart_level, whole, early)
            columns = paid, early.total, refunded, seen, size * value, *delayed
        return (
            columns if state.revisit is None else columns + probabilities(mechanism, self.before_sales, state)
        )

    def _expect(
        self,
        tables: DayTables,
        state: Considering,
        *,
        loyalty: Int64,
        level: Float64,
        direct: Float64,
        back: Float64,
    ) -> tuple[Float64, Float64, Float64]:
        """Return expected worth, P(pay and refund), and P(pay and refund inside an observation window)."""
        look = _Lookup(tables, state.time)
        value, refund, seen, total = (np.zeros(len(state.time)) for _ in range(4))
        before, revisit = np.ones(len(state.time)), state.revisit
        for i in range(INTERVALS):
            after = np.exp(
                -(state.whole if i + 1 == INTERVALS else state.cumulative(float(self.grid.ends[i + 1])))
            )
            mass = before - after
            if revisit is not None:
                still = revisit.still
                mass -= revisit.chance * (np.minimum(before, still) - np.minimum(after, still))
            before = after
            if not tables.alike:
                mass = mass * (1 - look.at(tables.wait[:, i]))
                refund -= mass * np.expm1(-level * look.at(tables.refund[0, :, i]))
                seen -= mass * np.expm1(-level * look.at(tables.refund[1, :, i]))
            value += mass * look.by_class(tables.worth[:, :, i], loyalty)
            total += mass
        # The chance to wait was averaged over each interval: the exact total corrects what that leaves.
        scale = np.divide(direct, total, out=np.ones_like(total), where=total > 0)
        if tables.alike:
            refund, seen = (-direct * np.expm1(-level * unit) for unit in tables.refund[:, 0, 0])
            return value * scale, refund, seen
        value, refund, seen = value * scale, refund * scale, seen * scale
        for sale, chance in enumerate(back):
            if chance.any():
                refund -= chance * np.expm1(-level * look.at(tables.back_refund[sale, 0]))
                seen -= chance * np.expm1(-level * look.at(tables.back_refund[sale, 1]))
                value += chance * look.by_class(tables.back_worth[sale], loyalty)
        return value, refund, seen

    def _of_day(self, day: int, state: Considering) -> DayTables:
        first = 24 * day
        last = first + 24 + int(np.ceil(self.mechanism.windows.span / HOUR)) + 1
        back = state.revisit is not None and bool((state.revisit.sale >= 0).any())
        if not back and self.mechanism.schedule.ordinary(first, last):
            return self._ordinary if self._ordinary.alike else replace(self._ordinary, first_hour=first)
        return self._tables(self.mechanism, first, first + np.arange(25.0))

    def _tables(self, mechanism: Mechanism, first_hour: int, start: Float64) -> DayTables:
        grid, schedule = self.grid, mechanism.schedule
        time = start[:, None] + grid.middle
        cell = np.minimum(time.astype(np.int64), mechanism.cells - 1)
        own, by_coupon = worth(mechanism, grid, start)
        further = np.choose(mechanism.coupon(time), by_coupon) if len(by_coupon) > 1 else by_coupon[0]
        waiting = schedule.waiting
        wait = waiting.chance[waiting.entry(time)]
        weights = grid.density * schedule.pay_promotion[cell]
        paying = weights * (1 - wait)
        refund = [mechanism.refund.mass(time, np.full_like(time, w)) for w in self._refund_windows]
        back = [
            self._come_back(mechanism, start, by_coupon, o, t)
            for o, t in zip(waiting.opening, waiting.times, strict=True)
        ]
        classes = len(further)
        return DayTables(
            first_hour,
            len(start) == 1,
            grid.average(wait, weights),
            grid.average(np.array(refund), paying),
            grid.average(own + further, paying),
            np.array([b[0] for b in back]).reshape(-1, len(refund), len(start)),
            np.array([b[1] for b in back]).reshape(-1, classes, len(start)),
        )

    def _come_back(
        self, mechanism: Mechanism, start: Float64, further: Float64, opening: float, times: ReturnTime
    ) -> tuple[Float64, Float64]:
        """Average refund hazard and worth over the return times that fall inside each click's window."""
        ends = np.unique(np.concatenate([np.linspace(0, 1, 7), times.edges]))
        middle = opening + 0.5 * (ends[1:] + ends[:-1])
        left = np.maximum(start + mechanism.attribution - opening, 1e-6)
        weights = np.diff(times.cdf(np.minimum(ends, left[:, None])), axis=1)
        weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-300)
        refund = np.array(
            [weights @ mechanism.refund.mass(middle, np.full_like(middle, w)) for w in self._refund_windows]
        )
        elapsed = np.clip(middle - start[:, None], 0.0, mechanism.attribution)
        price = mechanism.schedule.price[np.minimum(middle.astype(np.int64), mechanism.cells - 1)]
        own = later(mechanism.settings.amount.growth, elapsed) * price
        ahead = [
            [np.interp(e, self.grid.middle, f) for e, f in zip(elapsed, rows, strict=True)]
            for rows in further[mechanism.coupon(np.array([opening]))[0]]
        ]
        value: Float64 = ((own + np.array(ahead)) * weights).sum(-1)
        return refund, value


class _Lookup:
    """Read tables that stand on whole hours at the times of clicks, linearly in between."""

    def __init__(self, tables: DayTables, time: Float64) -> None:
        self.alike = tables.alike
        place = time - tables.first_hour
        self.hour: Int64 = (
            np.zeros(len(time), np.int64) if self.alike else np.clip(place.astype(np.int64), 0, 23)
        )
        self.share: Float64 = place - self.hour

    def at(self, table: Float64) -> Float64:
        """Read a table (hours,)."""
        result: Float64 = table[self.hour] + self.share * np.diff(table)[self.hour]
        return result

    def by_class(self, table: Float64, kind: Int64) -> Float64:
        """Read a table (classes, hours), each click in the row of its class."""
        if self.alike:
            alone: Float64 = table[:, 0][kind]
            return alone
        here = table[kind, self.hour]
        result: Float64 = here + self.share * (table[kind, self.hour + 1] - here)
        return result
