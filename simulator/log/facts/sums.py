"""The sums behind a fact sheet, and the days, ages and columns that they are kept by."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np

from simulator.calendar import Calendar
from simulator.clock import UTC_CLOCK, Clock
from simulator.histogram import LogHistogram
from simulator.log.facts.tally import Tally
from simulator.log.reader import Log
from simulator.log.schema import Bool, Float64, Int64
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows

DELAYS = (
    "click_cart",
    "click_pay",
    "cart_pay",
    "pay_refund",
    "pay_next",
    "first_to_second",
    "click_later_pay",
)
"""Click to first cart, click to first pay, first cart to first pay, first pay to first refund, pay to the next pay of the
same journey, first pay to the second, click to every pay after the first.
"""
ORDINARY, OTHER = 0, 1
BEFORE_A_SALE, AFTER_A_SALE = 11, 4
"""Days around a promotion that are not ordinary: shoppers wait from day -11 on, and are back on day +4 (Double 12)."""
AGES = tuple(
    int(minutes * MINUTE)
    for minutes in (1, 2, 4.32, 5, 9, 10, 14.4, 30, 60, 72, 120, 180, 360, 720, 1080, 1440, 2160, 2880)
) + tuple(int(hours * HOUR) for hours in (60, 72, 120, 168, 336, 720, 2160))
"""Elapsed times at which publications state their delay distributions."""
HOURLY = (
    "clicks", "carts", "pays", "refunds", "old_pays", "matched_pays", "first_pays", "ln_amount",
    "labelled", "carted", "paid", "repeat", "gmv", "settled", "refunded", "final", "net",
)  # fmt: skip
"""Clicks and events by their own hour: old pays are of a click of an earlier calendar day, among the matched ones (inside
the attribution window), whose ln amounts are summed. Then labels by the hour of their click: settled are paid and
past the refund window; final are past all windows, net are paid and not refunded.
"""
USER = ("clicks", "paid", "delay", "delay_squared", "settled", "refunded", "wait", "wait_squared", "pays")
ITEM = ("clicks", "paid", "settled", "refunded")
PRICED = ("pays", "ln", "ln_squared")


@dataclass(slots=True)
class Moments:
    """Sums of powers of ln(value), for mean, standard deviation and skewness."""

    sums: Float64

    @classmethod
    def empty(cls) -> Moments:
        return cls(np.zeros(4))

    def add(self, values: Float64) -> None:
        """Add positive values."""
        log = np.log(values[values > 0])
        self.sums += [len(log), log.sum(), (log**2).sum(), (log**3).sum()]

    def without(self, part: Moments) -> Moments:
        """Return the sums less those of a part of the values."""
        return Moments(self.sums - part.sums)

    def mean_sd_skew(self) -> tuple[float, float, float] | None:
        """Return mean, sd and skewness; None of fewer than two values."""
        n, one, two, three = (float(x) for x in self.sums)
        if n < 2:
            return None
        mean = one / n
        variance = max(two / n - mean**2, 0.0)
        third = three / n - 3 * mean * two / n + 2 * mean**3
        return mean, variance**0.5, third / variance**1.5 if variance > 0 else 0.0


class Gathered:
    """The sums; `gather` fills them."""

    def __init__(self, log: Log, windows: Windows, calendar: Calendar) -> None:
        self.windows, self.calendar = windows, calendar
        self.clock = log.clock
        self.first_day = self.clock.one(log.meta.start) // DAY
        self.until = log.meta.observed_until
        self.days = self.clock.one(self.until) // DAY - self.first_day + 1
        self.hourly = {name: np.zeros(24 * self.days) for name in HOURLY}
        self.delays = {name: LogHistogram(2, 0, 45, AGES) for name in DELAYS}
        """By ORDINARY and OTHER, µs; exact at every age of AGES."""
        self.gmv_by_hour = np.zeros((2, windows.attribution // HOUR + 1))
        """GMV that comes in the n-th hour after the click: a pay after exactly an hour is in the first."""
        self.paying: Int64 = np.zeros((2, 4), np.int64)
        """Paying clicks, their pays, clicks with more than one pay, and theirs; by ORDINARY and OTHER."""
        self.amounts = LogHistogram(1, -14, 34)
        self.amount = Moments.empty()
        self.gmv = {"single": Moments.empty(), "repeat": Moments.empty()}
        self.returned = np.zeros(3)
        """Refunded first pays, those returned in full, and the sum of the shares returned."""
        self.users, self.items = Tally(len(USER)), Tally(len(ITEM))
        self.priced = {"user": Tally(len(PRICED)), "item": Tally(len(PRICED))}
        """ln amounts of first pays, by user and by item."""
        self.growth: Float64 = np.zeros((2, 5))
        """Of first and later pays: count, and sums of x, y, x^2, xy of x = ln(1 + hours since the click), y = ln amount."""
        self.amount_steps: Float64 = np.zeros(2)
        """Pairs of successive pays of a journey, and the sum of their squared differences in ln amount."""
        self.item_days: list[tuple[int, int, float]] = []
        """Of each day: clicks, distinct items, pairs of clicks on the same item."""
        self.clicks = 0
        self.last_click = log.meta.start
        self.ordinary: Bool = ordinary_days(calendar, self.first_day, self.days, self.clock)
        self.parts: list[Gathered] = []
        """The same sums of the clicks of each group of users, where they were asked for."""

    def without(self, part: Gathered) -> Gathered:
        """Return the sums that facts are made of, less those of a group of users."""
        rest = copy(self)
        rest.parts = []
        rest.hourly = {name: sums - part.hourly[name] for name, sums in self.hourly.items()}
        rest.delays = {name: waits.without(part.delays[name]) for name, waits in self.delays.items()}
        rest.gmv_by_hour = self.gmv_by_hour - part.gmv_by_hour
        rest.paying = self.paying - part.paying
        rest.amounts = self.amounts.without(part.amounts)
        rest.amount = self.amount.without(part.amount)
        rest.gmv = {name: moments.without(part.gmv[name]) for name, moments in self.gmv.items()}
        rest.returned = self.returned - part.returned
        rest.users, rest.items = self.users.without(part.users), self.items.without(part.items)
        rest.clicks = self.clicks - part.clicks
        return rest

    def hour(self, time: Int64) -> Int64:
        """Return the hour of the log of each instant, in local time; hour 0 is the midnight before the first click."""
        found: Int64 = np.clip(self.clock.local(time) // HOUR - 24 * self.first_day, 0, 24 * self.days - 1)
        return found

    def group(self, time: Int64) -> Int64:
        """Return ORDINARY or OTHER by the day of each click."""
        return np.where(self.ordinary[self.hour(time) // 24], ORDINARY, OTHER).astype(np.int64)

    def count(self, name: str, time: Int64, weight: Float64 | None = None) -> None:
        """Add to an hourly sum."""
        self.hourly[name] += np.bincount(self.hour(time), weight, 24 * self.days)


def ordinary_days(calendar: Calendar, first_day: int, days: int, clock: Clock = UTC_CLOCK) -> Bool:
    """Return which days have nothing to do with any promotion (shape ``days``)."""
    ordinary = np.ones(days, bool)
    for sale in calendar.promotions:
        first = clock.one(sale.start) // DAY - BEFORE_A_SALE - first_day
        last = -(-clock.one(sale.end) // DAY) + AFTER_A_SALE - first_day
        ordinary[max(first, 0) : max(last, 0)] = False
    if ordinary.sum() < 2:
        noons = (np.arange(days) + first_day) * DAY + DAY // 2
        ordinary = np.asarray(calendar.phase(clock.instants(noons)) == 0)
    return ordinary
