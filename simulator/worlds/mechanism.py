"""The hazards of one world, ready to be integrated and inverted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.log.schema import Float64, Int64
from simulator.units import HOUR
from simulator.windows import Windows
from simulator.worlds.affinity import Visit
from simulator.worlds.arrivals import click_share
from simulator.worlds.confounder import Hidden
from simulator.worlds.constants import buying_rhythm
from simulator.worlds.hazards import CalendarHazard, Considering, MixtureHazard, PayHazards
from simulator.worlds.levels import Levels, cart_level, profile
from simulator.worlds.loyalty import repurchase_levels
from simulator.worlds.promotion import Schedule
from simulator.worlds.revisit import Openings, Revisit
from simulator.worlds.settings import WorldSettings


class Mechanism:
    """Hazards, calendar and windows of a world. Lengths of time are in hours here.

    With ``ordinary`` set it is the same world without its promotions. ``repurchase``: `Levels.repurchase`. ``taking_part``:
    which promotions, in order of their start, the items take part in for which this holds; default: all. ``observation``: the
    waiting window that the truth speaks of; None: of none.
    """

    def __init__(
        self,
        settings: WorldSettings,
        windows: Windows,
        observation: int | None,
        *,
        ordinary: bool = False,
        repurchase: float = 0.0,
        taking_part: Sequence[bool] | None = None,
    ) -> None:
        self.settings, self.windows = settings, windows
        self.attribution, self.refund_window = windows.attribution / HOUR, windows.refund / HOUR
        self.observed, self.observation = observation is not None, (observation or 0) / HOUR
        self.cells = 24 * settings.days + int(np.ceil(windows.span / HOUR)) + 24
        delay, again = settings.delay, settings.repurchase
        sales = [] if ordinary else sorted(settings.promotion, key=lambda p: p.start)
        part = [True] * len(sales) if taking_part is None else taking_part
        schedule = Schedule.of(sales, self.cells, buying_rhythm(delay.rhythm, delay.by_hour), part)
        self.schedule = schedule
        self._openings = Openings(sales, part) if settings.delayed and sales else None
        self.hidden = Hidden(settings.confounder)
        pay = hours(delay.scales)
        self.pay = PayHazards(
            CalendarHazard(schedule.pay_common, pay),
            CalendarHazard(schedule.pay_deal, pay),
            schedule.deal_cells(),
        )
        cart = schedule.cart * self._daily(buying_rhythm(settings.cart.rhythm, tuple(click_share(settings))))
        self.cart = MixtureHazard(cart, settings.cart.weights, hours(settings.cart.scales))
        self.refund = MixtureHazard(schedule.refund, settings.refund.weights, hours(settings.refund.scales))
        self.daily_repurchase = again.rhythm > 0
        daily = self._daily(buying_rhythm(again.rhythm, delay.by_hour))
        waves = [np.ones(self.cells), *(coupon.multiplier for coupon in schedule.coupons)]
        self.repurchases = tuple(
            MixtureHazard(schedule.repurchase * daily * wave, again.weights, hours(again.scales))
            for wave in waves
        )
        self.first_repurchase: Float64 = np.exp(repurchase) * repurchase_levels(settings.repurchase)
        self._coupon = np.zeros(self.cells, np.int64)
        for number, coupon in enumerate(schedule.coupons, start=1):
            self._coupon[coupon.earns] = number

    def _daily(self, shape: Float64) -> Float64:
        repeated: Float64 = np.tile(shape, -(-self.cells // 24))[: self.cells]
        return repeated

    def coupon(self, time: Float64) -> Int64:
        """Return which of ``repurchases`` follows a pay at each time: 0, or that of the sale it falls into."""
        held: Int64 = self._coupon[np.minimum(time.astype(np.int64), self.cells - 1)]
        return held

    def considering(
        self, time: Float64, visit: Visit, levels: Levels, hidden: Int64 | None = None
    ) -> Considering:
        """Return the state of clicks that may still pay; ``hidden`` takes the place of their own intent."""
        eta, response = visit.eta, visit.response * np.exp(levels.deal)
        point = visit.hidden if hidden is None else hidden
        if point is not None:
            eta, response = eta + self.hidden.pay[point], response * self.hidden.deal[point]
        shift = self.schedule.fast[time.astype(np.int64)] if self.schedule.fast.any() else None
        state = Considering(
            self.pay,
            time,
            level=np.exp(levels.pay + eta),
            profile=profile(self.settings.delay, eta, visit.own, shift),
            response=response,
            longest=self.attribution,
        )
        if self._openings is not None:
            cart = np.exp(levels.cart) * cart_level(self.settings, self.hidden, visit, point)
            state.revisit = self._revisit(self._openings, state, eta, visit.depth, cart)
        return state

    def _revisit(
        self, openings: Openings, state: Considering, eta: Float64, depth: Float64, cart: Float64
    ) -> Revisit:
        time, sale = state.time, openings.of(state.time)
        some = np.flatnonzero(sale >= 0)
        opening, leaving = np.full(len(time), np.inf), np.full(len(time), np.inf)
        opening[some] = openings.opening[sale[some]]
        leaving[some] = state.take(some).cumulative_at(opening[some].astype(np.int64))
        day = np.minimum(np.minimum(end_of_day(time), opening), time + self.attribution)
        today = cart * self.cart.mass(time, day - time)
        without, with_cart = openings.chances(sale, eta, depth)
        return Revisit(sale, opening, leaving, today, without, with_cart)


def end_of_day(time: Float64) -> Float64:
    """Return the midnight that follows each time; hours."""
    result: Float64 = (np.floor(time / 24) + 1) * 24
    return result


def hours(scales: Sequence[int]) -> list[float]:
    """Return durations in hours."""
    return [scale / HOUR for scale in scales]
