"""One pass over a log that collects the sums behind its fact sheet; memory holds one lifetime of events, one row per
user and item, and a few numbers per hour of the log.

They hang on final labels, whose rules (windows, their edges, late arrivals) are `final_labels`' alone and not said again in
SQL. What is a plain GROUP BY of stored columns, how clicks crowd on items, takes DuckDB as long (1.0 s for all the sums of
1.2 million clicks, either way) and 40 MB more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.calendar import Calendar
from simulator.log.facts.groups import GROUPS, group_of_rows
from simulator.log.facts.sums import ORDINARY, OTHER, Gathered
from simulator.log.facts.tally import Tally
from simulator.log.labels import LabelJoin
from simulator.log.memory import final_labels
from simulator.log.reader import Log
from simulator.log.schema import Bool, EventBatch, Int64, Kind, Labels, UInt8
from simulator.pieces import RowQueue
from simulator.units import DAY, HOUR
from simulator.windows import Windows


def gather(log: Log, windows: Windows, calendar: Calendar, *, parts: bool = False) -> Gathered:
    """Read a log once and return its sums; with ``parts`` also those of each group of users, to tell how far facts are known.

    That takes some five times as long, and one more byte a click.
    """
    found = Gathered(log, windows, calendar)
    groups = group_of_rows(log) if parts else None
    if groups is not None:
        found.parts = [Gathered(log, windows, calendar) for _ in range(GROUPS)]
    events = _watched(log.events(), found, groups)
    join, ids, crowd = LabelJoin(events, windows), RowQueue("ids", log.ids()), _DailyItems(found)
    for clicks in log.clicks(features=False):
        journeys = join.events(clicks.row, clicks.time)
        labels = final_labels(clicks.time, journeys, clicks.row, windows)
        user, item = ids.take(clicks.row + len(clicks)).values()
        index = journeys.row - clicks.row
        inside = (index >= 0) & (index < len(clicks))
        rows = _Rows(clicks.time, labels, user, item, journeys[inside], index[inside])
        _add(found, rows)
        if groups is not None:
            mine = groups[clicks.row : clicks.row + len(clicks)]
            for number, part in enumerate(found.parts):
                _add(part, rows.only(mine == number))
        crowd.add(clicks.time, item)
        found.last_click = int(clicks.time[-1])
    for _ in events:
        pass
    crowd.close()
    return found


@dataclass(frozen=True, slots=True)
class _Rows:
    """Clicks with their labels, users and items, and the events of their journeys; ``index`` is the click of each event."""

    time: Int64
    labels: Labels
    user: Int64
    item: Int64
    events: EventBatch
    index: Int64

    def only(self, chosen: Bool) -> _Rows:
        """Return some of the clicks, with their events."""
        events = chosen[self.index]
        place = np.cumsum(chosen) - 1
        return _Rows(
            self.time[chosen],
            self.labels[chosen],
            self.user[chosen],
            self.item[chosen],
            self.events[events],
            place[self.index[events]],
        )


def _add(found: Gathered, rows: _Rows) -> None:
    found.clicks += len(rows.time)
    _add_labels(found, rows)
    _add_journeys(found, rows)


def _watched(events: Iterator[EventBatch], found: Gathered, groups: UInt8 | None) -> Iterator[EventBatch]:
    """Count events by their own hour as they stream by."""
    for batch in events:
        _add_events(found, batch)
        if groups is not None:
            mine = groups[batch.row]
            for number, part in enumerate(found.parts):
                _add_events(part, batch[mine == number])
        yield batch


def _add_events(found: Gathered, batch: EventBatch) -> None:
    for kind, name in ((Kind.CART, "carts"), (Kind.PAY, "pays"), (Kind.REFUND, "refunds")):
        found.count(name, batch.time[batch.kind == kind])
    paid = batch.amount[batch.kind == Kind.PAY]
    found.amounts.add(np.zeros(len(paid), np.int64), paid)
    found.amount.add(paid)


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


def _add_labels(found: Gathered, rows: _Rows) -> None:
    """Add what the final labels say, where the log is long enough to know them."""
    time, labels, until, windows = rows.time, rows.labels, found.until, found.windows
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
    found.users.add(rows.user, np.stack([np.asarray(c, np.float64) for c in columns]))
    found.items.add(
        rows.item, np.stack([np.asarray(c, np.float64) for c in (known, paid, settled, refunded)])
    )


def _add_journeys(found: Gathered, rows: _Rows) -> None:
    """Add what needs the single events of each journey: carts, repurchases, GMV by elapsed time, refunded shares."""
    clicked, labels, events, index = rows.time, rows.labels, rows.events, rows.index
    elapsed = events.time - clicked[index]
    known = clicked + found.windows.closing <= found.until
    counts = (elapsed <= found.windows.longest_pay) & known[index]
    counts &= events.arrival - clicked[index] <= found.windows.lifetime
    group = found.group(clicked)
    pay = np.flatnonzero((events.kind == Kind.PAY) & counts)
    _add_pays(found, group, events[pay], index[pay], elapsed[pay], clicked)
    _add_amounts(found, events[pay], index[pay], elapsed[pay], (rows.user, rows.item))
    cart = np.flatnonzero((events.kind == Kind.CART) & counts)
    never = np.iinfo(np.int64).max
    first = np.full(len(clicked), never)
    np.minimum.at(first, index[cart], events.time[cart])
    carted = first < never
    found.count("carted", clicked[carted])
    found.delays["click_cart"].add(group[carted], (first - clicked)[carted])
    both = carted & labels.converted & (first <= labels.first_pay)
    found.delays["cart_pay"].add(group[both], (labels.first_pay - first)[both])
    first_amount = np.zeros(len(clicked))
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
