"""Apply a tick's events to their journeys in waves, keeping the state after every single event.

Journeys are independent of one another inside a tick, so the k-th events of all journeys form one vectorised wave.
What is kept is a table of snapshots: for each journey touched, its state before the tick and after each event. Any
policy can then look up a journey as it was at any instant of the tick, however many policies there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engine.journeys import STATE, Journeys
from simulator.log.schema import Bool, EventBatch, Int64, Kind


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


class Waves:
    """Snapshots of the journeys that a tick's events touch.

    Parameters
    ----------
    journeys : the open journeys; their columns hold the state at the end of the tick afterwards.
    events : the tick's events in replay order.
    start, until : the tick, half-open.

    ``counted`` marks the events that fall inside the windows, ``position`` their row in the snapshots; both are in the
    order of ``events``.
    """

    def __init__(self, journeys: Journeys, events: EventBatch, start: int, until: int) -> None:
        self._start, self._span = start, until - start + 1
        index = journeys.index(events.row)
        opened = (index >= journeys.head) & (index < journeys.size)
        self.counted: Bool = np.zeros(len(events), np.bool_)
        self.position: Int64 = np.zeros(len(events), np.int64)
        chosen = np.flatnonzero(opened)
        # Events come in the order of (time, kind, id), so a stable sort by journey keeps that order inside it.
        chosen = chosen[np.argsort(index[chosen], kind="stable")]
        self._group, place = ordinals(index[chosen])
        self.touched: Int64 = index[chosen][place == 0]
        self.columns: dict[str, NDArray[Any]] = {}
        if len(chosen):
            self._time = events.time[chosen]
            self.position[chosen] = np.arange(len(chosen)) + self._group + 1
            self._apply(journeys, events, chosen, place)
        self._mark: NDArray[np.int32] | None = None

    def _apply(self, journeys: Journeys, events: EventBatch, chosen: Int64, place: Int64) -> None:
        position = self.position[chosen]
        before = position[place == 0] - 1
        size = len(chosen) + len(self.touched)
        for name, (dtype, _) in STATE.items():
            self.columns[name] = np.empty(size, dtype)
            self.columns[name][before] = journeys.columns[name][self.touched]
        click_time = journeys.columns["click_time"][self.touched][self._group]
        kind, amount = events.kind[chosen], events.amount[chosen]
        counted = np.zeros(len(chosen), np.bool_)
        for k in range(int(place.max()) + 1):
            wave = np.flatnonzero(place == k)
            at = position[wave]
            for column in self.columns.values():
                column[at] = column[at - 1]
            counted[wave] = self._step(
                at, kind[wave], self._time[wave], amount[wave], click_time[wave], journeys
            )
        self.counted[chosen] = counted
        last = np.append(before[1:], size) - 1
        for name, column in self.columns.items():
            journeys.columns[name][self.touched] = column[last]

    def _step(
        self,
        at: Int64,
        kind: NDArray[Any],
        time: Int64,
        amount: NDArray[Any],
        clicked: Int64,
        journeys: Journeys,
    ) -> Bool:
        """Apply one event to each of different journeys; return which of them counted."""
        columns, windows = self.columns, journeys.windows
        within = time - clicked <= windows.attribution

        cart = within & (kind == Kind.CART)
        i = at[cart]
        columns["cart_time"][i] = np.where(columns["cart_count"][i] == 0, time[cart], columns["cart_time"][i])
        columns["cart_count"][i] += 1

        pay = within & (kind == Kind.PAY)
        i = at[pay]
        first = columns["pay_count"][i] == 0
        columns["first_pay_time"][i] = np.where(first, time[pay], columns["first_pay_time"][i])
        columns["previous_pay_time"][i] = columns["last_pay_time"][i]
        columns["last_pay_time"][i] = time[pay]
        columns["previous_gmv"][i] = columns["gmv"][i]
        columns["gmv"][i] += amount[pay]
        columns["pay_count"][i] += 1

        paid = columns["first_pay_time"][at]
        refund = (kind == Kind.REFUND) & (paid >= 0) & (time - paid <= windows.refund)
        i = at[refund]
        first = columns["refund_count"][i] == 0
        columns["first_refund_time"][i] = np.where(first, time[refund], columns["first_refund_time"][i])
        columns["refund_count"][i] += 1
        columns["refund_amount"][i] += amount[refund]
        counted: Bool = cart | pay | refund
        return counted

    def lookup(self, journeys: Journeys, index: Int64, time: Int64) -> tuple[Int64, Int64]:
        """Find the snapshots that hold at ``time``, events at that very instant included.

        Returns the places in ``index`` whose journey was touched in this tick, and the snapshot row of each; all
        other journeys are as their columns say.
        """
        if not len(self.touched) or not len(index):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        if self._mark is None:
            self._mark = np.full(journeys.size, -1, np.int32)
            self._mark[self.touched] = np.arange(len(self.touched), dtype=np.int32)
            self._key = self._group * self._span + (self._time - self._start)
        group = self._mark[index]
        places = np.flatnonzero(group >= 0)
        group = group[places].astype(np.int64)
        known = np.searchsorted(self._key, group * self._span + (time[places] - self._start), side="right")
        return places, known + group
