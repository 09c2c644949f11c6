"""Apply a tick's events to their journeys in waves, keeping the state after every single event.

Journeys are independent of one another inside a tick, so the k-th events of all journeys form one vectorised wave.
Any policy can then look up a journey as it was at any instant of the tick, however many policies there are.
"""

from __future__ import annotations

import numpy as np

from simulator.engine.journeys import Journeys
from simulator.engine.late import Arranged, Corrections, LateRefunds
from simulator.log.schema import Bool, EventBatch, Float64, Int32, Int64, Kind, UInt8


def ordinals(sorted_keys: Int64) -> tuple[Int64, Int64]:
    """Return, for keys in groups of equals, each one's group number and its place within the group.

    >>> [a.tolist() for a in ordinals(np.array([4, 4, 7, 9, 9, 9]))]
    [[0, 0, 1, 2, 2, 2], [0, 1, 0, 0, 1, 2]]
    """
    n = len(sorted_keys)
    first = np.ones(n, np.bool_)
    first[1:] = sorted_keys[1:] != sorted_keys[:-1]
    group = np.cumsum(first) - 1
    return group, np.arange(n) - np.flatnonzero(first)[group]


def _earliest(known: Int64, time: Int64, first: Bool) -> Int64:
    return np.where(first, time, np.minimum(known, time))


class Waves:
    """A tick's events, applied.

    Parameters
    ----------
    journeys : the open journeys; they hold the state at the end of the tick afterwards.
    events : the tick's events in replay order.
    start, until : the tick, half-open.
    late : the refunds of before, where events become known later than they happen.

    ``events`` are those that are applied: all, or as ``late`` arranges them. ``counted`` marks those that fall inside the
    windows, ``slot`` is where the state after each one lies; both are in the order of ``events``. ``outside`` is how
    many counted for nothing.
    """

    def __init__(
        self, journeys: Journeys, events: EventBatch, start: int, until: int, late: LateRefunds | None = None
    ) -> None:
        self._start, self._span = start, until - start + 1
        arranged = Arranged(events, None, 0) if late is None else late.arrange(journeys, events)
        self.events = events = arranged.events
        index = journeys.index(events.row)
        chosen = np.flatnonzero((index >= journeys.head) & (index < journeys.size))
        # Events come in the order of (arrival, time, kind, id), so a stable sort by journey keeps that order inside it.
        chosen = chosen[np.argsort(index[chosen], kind="stable")]
        self._group, place = ordinals(index[chosen])
        self._touched: Int64 = index[chosen][place == 0]
        self._time = events.arrival[chosen]
        self._mark: Int32 | None = None
        self._before: Int32 = journeys.columns["slot"][self._touched]
        self._after: Int32 = journeys.new_slots(len(chosen))
        self.slot: Int32 = np.zeros(len(events), np.int32)
        self.slot[chosen] = self._after
        self.counted: Bool = np.zeros(len(events), np.bool_)
        if len(chosen):
            self.counted[chosen] = self._apply(journeys, events, chosen, place, arranged.corrections)
        self.outside = arranged.outside + len(events) - int(np.count_nonzero(self.counted))

    def _apply(
        self,
        journeys: Journeys,
        events: EventBatch,
        chosen: Int64,
        place: Int64,
        corrections: Corrections | None,
    ) -> Bool:
        previous = np.where(place == 0, self._before[self._group], self._after - 1)
        click_time = journeys.columns["click_time"][self._touched][self._group]
        kind, amount = events.kind[chosen], events.amount[chosen]
        time = events.time[chosen] if events.late else self._time
        counted = np.zeros(len(chosen), np.bool_)
        for k in range(int(place.max()) + 1):
            wave = np.flatnonzero(place == k)
            at = self._after[wave]
            for column in journeys.state.values():
                column[at] = column[previous[wave]]
            when = time[wave]
            news = self._time[wave] if events.late else when
            counted[wave] = self._step(journeys, at, kind[wave], when, news, amount[wave], click_time[wave])
            if corrections is not None:
                mine = place[corrections.place] == k
                for name in ("refund_count", "refund_amount", "first_refund_time"):
                    journeys.state[name][self._after[corrections.place[mine]]] = getattr(corrections, name)[
                        mine
                    ]
        last = np.append(np.flatnonzero(place == 0)[1:], len(chosen)) - 1
        journeys.columns["slot"][self._touched] = self._after[last]
        return counted

    @staticmethod
    def _step(
        journeys: Journeys,
        at: Int32,
        kind: UInt8,
        time: Int64,
        arrival: Int64,
        amount: Float64,
        clicked: Int64,
    ) -> Bool:
        """Apply one event to each of different journeys; return which of them counted."""
        columns, windows = journeys.state, journeys.windows
        within = time - clicked <= windows.longest_pay

        cart = within & (kind == Kind.CART)
        i = at[cart]
        first = columns["cart_count"][i] == 0
        columns["cart_time"][i] = _earliest(columns["cart_time"][i], time[cart], first)
        columns["cart_count"][i] += 1

        pay = within & (kind == Kind.PAY)
        i = at[pay]
        first = columns["pay_count"][i] == 0
        columns["first_pay_time"][i] = _earliest(columns["first_pay_time"][i], time[pay], first)
        columns["previous_pay_time"][i] = columns["last_pay_time"][i]
        columns["last_pay_time"][i] = np.maximum(columns["last_pay_time"][i], time[pay])
        if "last_pay_arrival" in columns:
            columns["last_pay_arrival"][i] = arrival[pay]
            columns["first_pay_arrival"][i] = np.where(first, arrival[pay], columns["first_pay_arrival"][i])
        columns["previous_gmv"][i] = columns["gmv"][i]
        columns["gmv"][i] += amount[pay]
        columns["pay_count"][i] += 1

        paid = columns["first_pay_time"][at]
        refund = (
            (kind == Kind.REFUND) & (paid >= 0) & (time >= paid) & (time - paid <= windows.longest_refund)
        )
        i = at[refund]
        first = columns["refund_count"][i] == 0
        columns["first_refund_time"][i] = _earliest(columns["first_refund_time"][i], time[refund], first)
        columns["refund_count"][i] += 1
        columns["refund_amount"][i] += amount[refund]
        counted: Bool = cart | pay | refund
        return counted

    def slots_at(self, journeys: Journeys, index: Int64, time: Int64) -> Int32:
        """Return the slots that hold at ``time``, events at that very instant included."""
        slots: Int32 = journeys.columns["slot"][index]
        if not len(self._touched) or not len(index):
            return slots
        if self._mark is None:
            self._mark = np.full(journeys.size, -1, np.int32)
            self._mark[self._touched] = np.arange(len(self._touched), dtype=np.int32)
            self._key = self._group * self._span + (self._time - self._start)
            self._first = np.searchsorted(self._group, np.arange(len(self._touched)))
        group = self._mark[index]
        places = np.flatnonzero(group >= 0)
        group = group[places].astype(np.int64)
        known = np.searchsorted(self._key, group * self._span + (time[places] - self._start), side="right")
        happened = known > self._first[group]
        slots[places] = np.where(happened, self._after[known - 1], self._before[group])
        return slots
