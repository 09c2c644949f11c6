"""One pass over a log that collects the sums behind its fact sheet; memory holds one lifetime of events, one row per
user and item, and a few numbers per hour of the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.calendar import Calendar
from simulator.clock import UTC_CLOCK, Clock
from simulator.histogram import LogHistogram
from simulator.log.facts.tally import Tally
from simulator.log.labels import LabelJoin
from simulator.log.memory import final_labels
from simulator.log.reader import Log
from simulator.log.schema import Bool, ClickBatch, EventBatch, Float64, Int64, Kind, Labels
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


def gather(log: Log, windows: Windows, calendar: Calendar) -> Gathered:
    """Read a log once and return its sums."""
    found = Gathered(log, windows, calendar)
    events = _watched(log.events(), found)
    join, ids, crowd = LabelJoin(events, windows), _Ids(log), _DailyItems(found)
    for clicks in log.clicks(features=False):
        journeys = join.events(clicks.row, clicks.time)
        labels = final_labels(clicks.time, journeys, clicks.row, windows)
        user, item = ids.take(len(clicks))
        _add_labels(found, clicks, labels, user, item)
        _add_journeys(found, clicks, labels, journeys, (user, item))
        crowd.add(clicks.time, item)
        found.clicks += len(clicks)
        found.last_click = int(clicks.time[-1])
    for _ in events:
        pass
    crowd.close()
    return found


def _watched(events: Iterator[EventBatch], found: Gathered) -> Iterator[EventBatch]:
    """Count events by their own hour as they stream by."""
    for batch in events:
        for kind, name in ((Kind.CART, "carts"), (Kind.PAY, "pays"), (Kind.REFUND, "refunds")):
            found.count(name, batch.time[batch.kind == kind])
        paid = batch.amount[batch.kind == Kind.PAY]
        found.amounts.add(np.zeros(len(paid), np.int64), paid)
        found.amount.add(paid)
        yield batch


class _Ids:
    """Hand out user and item ids of consecutive clicks in pieces of any length."""

    def __init__(self, log: Log) -> None:
        self._parts = log.ids()
        self._user, self._item = np.empty(0, np.int64), np.empty(0, np.int64)

    def take(self, count: int) -> tuple[Int64, Int64]:
        while len(self._user) < count:
            user, item = next(self._parts)
            self._user = np.concatenate([self._user, user])
            self._item = np.concatenate([self._item, item])
        taken = self._user[:count], self._item[:count]
        self._user, self._item = self._user[count:], self._item[count:]
        return taken


class _DailyItems:
    """Count how clicks of one day crowd on items."""

    def __init__(self, found: Gathered) -> None:
        self._found, self._day, self._tally = found, -1, Tally(1)

    def add(self, time: Int64, item: Int64) -> None:
        day = self._found.clock.local(time) // DAY
        for number in np.unique(day):
            if number != self._day:
                self.close()
                self._day = int(number)
            mine = item[day == number]
            self._tally.add(mine, np.ones((1, len(mine))))

    def close(self) -> None:
        items, (counts,) = self._tally.sums()
        if len(items):
            self._found.item_days.append(
                (int(counts.sum()), len(items), float((counts * (counts - 1)).sum()))
            )
        self._tally = Tally(1)


def _add_labels(found: Gathered, clicks: ClickBatch, labels: Labels, user: Int64, item: Int64) -> None:
    """Add what the final labels say, where the log is long enough to know them."""
    time, until, windows = clicks.time, found.until, found.windows
    known = time + windows.closing <= until
    final = time + windows.lifetime <= until
    paid = known & labels.converted
    repeat = paid & (labels.pay_count > 1)
    settled = paid & (labels.first_pay + windows.refund + windows.lateness <= until)
    refunded = settled & labels.refunded
    found.count("clicks", time)
    for name, chosen in (
        ("labelled", known),
        ("paid", paid),
        ("repeat", repeat),
        ("settled", settled),
        ("refunded", refunded),
        ("final", final),
        ("net", final & labels.converted & ~labels.refunded),
    ):
        found.count(name, time[chosen])
    found.count("gmv", time[paid], labels.gmv[paid])
    found.count("first_pays", labels.first_pay[paid])
    found.gmv["single"].add(labels.gmv[paid & ~repeat])
    found.gmv["repeat"].add(labels.gmv[repeat])
    group = found.group(time)
    for kind in (ORDINARY, OTHER):
        one, more = labels.pay_count[paid & (group == kind)], labels.pay_count[repeat & (group == kind)]
        found.paying[kind] += [len(one), one.sum(), len(more), more.sum()]
    delay = (labels.first_pay - time) / HOUR * paid
    wait = (labels.first_refund - labels.first_pay) / HOUR * refunded
    found.delays["click_pay"].add(group[paid], (labels.first_pay - time)[paid])
    found.delays["pay_refund"].add(group[refunded], (labels.first_refund - labels.first_pay)[refunded])
    pays = labels.pay_count * known
    columns = (known, paid, delay, delay**2, settled, refunded, wait, wait**2, pays)
    found.users.add(user, np.stack([np.asarray(c, np.float64) for c in columns]))
    found.items.add(item, np.stack([np.asarray(c, np.float64) for c in (known, paid, settled, refunded)]))


def _add_journeys(
    found: Gathered, clicks: ClickBatch, labels: Labels, events: EventBatch, ids: tuple[Int64, Int64]
) -> None:
    """Add what needs the single events of each journey: carts, repurchases, GMV by elapsed time, refunded shares."""
    index = events.row - clicks.row
    events = events[(index >= 0) & (index < len(clicks))]
    index = events.row - clicks.row
    elapsed = events.time - clicks.time[index]
    known = clicks.time + found.windows.closing <= found.until
    counts = (elapsed <= found.windows.longest_pay) & known[index]
    counts &= events.arrival - clicks.time[index] <= found.windows.lifetime
    group = found.group(clicks.time)
    pay = np.flatnonzero((events.kind == Kind.PAY) & counts)
    _add_pays(found, group, events[pay], index[pay], elapsed[pay], clicks.time)
    _add_amounts(found, events[pay], index[pay], elapsed[pay], ids)
    cart = np.flatnonzero((events.kind == Kind.CART) & counts)
    never = np.iinfo(np.int64).max
    first = np.full(len(clicks), never)
    np.minimum.at(first, index[cart], events.time[cart])
    carted = first < never
    found.count("carted", clicks.time[carted])
    found.delays["click_cart"].add(group[carted], (first - clicks.time)[carted])
    both = carted & labels.converted & (first <= labels.first_pay)
    found.delays["cart_pay"].add(group[both], (labels.first_pay - first)[both])
    first_amount = np.zeros(len(clicks))
    paid, first_of = np.unique(index[pay], return_index=True)
    first_amount[paid] = events.amount[pay[first_of]]
    refunded = np.flatnonzero(known & labels.refunded & (first_amount > 0))
    share = np.minimum(labels.refund_amount[refunded] / first_amount[refunded], 1.0)
    found.returned += [len(share), (share > 0.999).sum(), share.sum()]


def _add_pays(
    found: Gathered, group: Int64, pays: EventBatch, index: Int64, elapsed: Int64, clicked: Int64
) -> None:
    """Add the pays that count; ``group`` and ``clicked`` are by click, the rest by pay in replay order."""
    found.count("matched_pays", pays.time)
    clicked_on, paid_on = (found.clock.local(time) // DAY for time in (clicked[index], pays.time))
    found.count("old_pays", pays.time[clicked_on < paid_on])
    np.add.at(found.gmv_by_hour, (group[index], np.maximum(elapsed - 1, 0) // HOUR), pays.amount)
    order = np.argsort(index, kind="stable")
    same = index[order][1:] == index[order][:-1]
    of_later, gap = group[index[order][1:][same]], np.diff(pays.time[order])[same]
    second = np.diff(same, prepend=False).astype(bool)[
        same
    ]  # a run of repetitions begins with the second pay
    found.delays["pay_next"].add(of_later, gap)
    found.delays["first_to_second"].add(of_later[second], gap[second])
    found.delays["click_later_pay"].add(of_later, elapsed[order][1:][same])


def _add_amounts(
    found: Gathered, pays: EventBatch, index: Int64, elapsed: Int64, ids: tuple[Int64, Int64]
) -> None:
    """Add what ln amounts depend on: user, item, time since the click, and the journey's other pays."""
    positive = pays.amount > 0
    y = np.log(np.where(positive, pays.amount, 1.0))
    found.count("ln_amount", pays.time, y)
    order = np.argsort(index, kind="stable")
    later = np.concatenate([[False], index[order][1:] == index[order][:-1]])[: len(index)]
    x, y, known = np.log1p(elapsed[order] / HOUR), y[order], positive[order]
    first = ~later & known
    columns = np.stack([np.ones(first.sum()), y[first], y[first] ** 2])
    for key, id_ in zip(("user", "item"), ids, strict=True):
        found.priced[key].add(id_[index[order][first]], columns)
    for row, chosen in ((0, known & ~later), (1, known & later)):
        found.growth[row] += [chosen.sum(), *((v * chosen).sum() for v in (x, y, x * x, x * y))]
    both = later[1:] & known[1:] & known[:-1]
    found.amount_steps += [both.sum(), (np.diff(y)[both] ** 2).sum()]
