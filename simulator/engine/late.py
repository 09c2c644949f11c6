"""Refunds out of order: those that become known before their pay, and those that an earlier pay puts outside the window.

Everything else that is known of a journey is a minimum, a maximum or a sum over its events, whatever their order. A refund
alone depends on another event: it counts from the first pay on, up to the end of the refund window, and which pay is the
first may change as pays become known. Logs without arrival times never come here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.engine.journeys import Journeys
from simulator.log.schema import Bool, EventBatch, Float64, Int32, Int64, Kind

NEVER = np.iinfo(np.int64).max // 2
"""Stands for the time of a first pay that is not known; times may be subtracted from it."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """What a pay leaves of its journey's refunds, where some of them count no more."""

    place: Int64
    """Positions of the pays among the arranged events."""
    refund_count: Int32
    refund_amount: Float64
    first_refund_time: Int64


@dataclass(frozen=True, slots=True)
class Arranged:
    """A tick's events in the order in which they are applied, journey by journey."""

    events: EventBatch
    corrections: Corrections | None
    outside: int
    """Events that count for nothing and are not among ``events``."""


class LateRefunds:
    """The refunds of open journeys: those that wait for a pay, and those that count so far.

    Memory is bounded by the refunds of one lifetime.
    """

    def __init__(self) -> None:
        self._held = EventBatch.empty()
        self._counts = np.zeros(0, np.bool_)

    def arrange(self, journeys: Journeys, events: EventBatch) -> Arranged:
        """Order a tick's events by (journey, arrival, time, kind, id), each refund not before its pay.

        A refund at a time when no pay up to it is known waits; it joins the events of the instant at which such a pay
        becomes known. What becomes known after its journey's lifetime is left out.
        """
        outside = self._forget(journeys.base + journeys.head)
        index = journeys.index(events.row)
        known = np.flatnonzero((index >= journeys.head) & (index < journeys.size))
        clicked = journeys.columns["click_time"][index[known]]
        known = known[events.arrival[known] - clicked <= journeys.windows.lifetime]
        outside += len(events) - len(known)
        events = events[known[np.argsort(index[known], kind="stable")]]
        rows = np.concatenate([events.row[events.kind == Kind.REFUND], self._held.row])
        concerned = np.isin(events.row, rows)
        if not concerned.any():
            return Arranged(events, None, outside)
        own = self._join(journeys, events[concerned])
        corrections = self._judge(journeys, own) if len(own) else None
        rest = events[~concerned]
        merged = EventBatch.concatenate([rest, own])
        order = np.argsort(merged.row, kind="stable")
        if corrections is not None:
            place = np.empty(len(order), np.int64)
            place[order] = np.arange(len(order))
            corrections = Corrections(
                place[len(rest) + corrections.place],
                corrections.refund_count,
                corrections.refund_amount,
                corrections.first_refund_time,
            )
        return Arranged(merged[order], corrections, outside)

    def _forget(self, row: int) -> int:
        """Let go of the refunds of journeys before ``row``; return how many of them never counted."""
        open_ = self._held.row >= row
        if open_.all():
            return 0
        silent = int(np.count_nonzero(~open_ & ~self._counts))
        self._held, self._counts = self._held[open_], self._counts[open_]
        return silent

    def _join(self, journeys: Journeys, own: EventBatch) -> EventBatch:
        """Take out the refunds that must wait, and put in those whose pay becomes known; ``own`` is by journey."""
        paths = _Paths(journeys, own)
        waits = (own.kind == Kind.REFUND) & (paths.first_pay > own.time)
        may = np.flatnonzero(~self._counts & np.isin(self._held.row, own.row))
        waiting = EventBatch.concatenate([self._held[may], own[waits]])
        if not len(waiting):
            return own
        pay = paths.first_at(waiting.row, waiting.time)
        met = pay >= 0
        joined = waiting[met]
        joined.arrival = own.arrival[pay[met]]
        self._keep(may, waiting[~met], np.zeros(np.count_nonzero(~met), np.bool_))
        own = EventBatch.concatenate([own[~waits], joined])
        return own[np.lexsort((own.event_id, own.kind, own.time, own.arrival, own.row))]

    def _keep(self, gone: Int64, more: EventBatch, counts: Bool) -> None:
        """Replace some of what is held."""
        stay = np.ones(len(self._held), np.bool_)
        stay[gone] = False
        self._held = EventBatch.concatenate([self._held[stay], more])
        self._counts = np.concatenate([self._counts[stay], counts])

    def _judge(self, journeys: Journeys, own: EventBatch) -> Corrections | None:
        """Hold the refunds that count, and find the pays that put some outside the window again."""
        paths, longest = _Paths(journeys, own), journeys.windows.longest_refund
        first = paths.first_pay
        counting = np.flatnonzero(
            (own.kind == Kind.REFUND) & (own.time >= first) & (own.time - first <= longest)
        )
        before = np.flatnonzero(self._counts & np.isin(self._held.row, own.row))
        refunds = EventBatch.concatenate([self._held[before], own[counting]])
        place = np.concatenate([np.full(len(before), -1), counting])
        self._keep(before[:0], own[counting], np.ones(len(counting), np.bool_))
        lowered = np.flatnonzero((first < paths.before) & (paths.before < NEVER))
        if not len(lowered) or not len(refunds):
            return None
        # Pairs of a pay that became the first and a refund of the same journey that counted just before it.
        order = np.argsort(refunds.row, kind="stable")
        low, high = (
            np.searchsorted(refunds.row[order], own.row[lowered], side) for side in ("left", "right")
        )
        pay = np.repeat(np.arange(len(lowered)), high - low)
        refund = order[np.arange(len(pay)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
                       + np.repeat(low, high - low)]  # fmt: skip
        at, time = lowered[pay], refunds.time[refund]
        counted = (place[refund] < at) & (time - paths.before[at] <= longest)
        stays = counted & (time - first[at] <= longest)
        lost = np.unique(pay[counted & ~stays])
        if not len(lost):
            return None
        n, pay, refund = len(lowered), pay[stays], refund[stays]
        earliest = np.full(n, NEVER)
        np.minimum.at(earliest, pay, refunds.time[refund])
        return Corrections(
            lowered[lost],
            np.bincount(pay, minlength=n).astype(np.int32)[lost],
            np.bincount(pay, refunds.amount[refund], n)[lost],
            np.where(earliest < NEVER, earliest, -1)[lost],
        )


class _Paths:
    """The time of the first pay as known after each event; it only ever falls.

    Parameters
    ----------
    own : events by (journey, arrival, time, kind, id).

    ``before`` is what was known of it before each event; `NEVER` stands for nothing.
    """

    def __init__(self, journeys: Journeys, own: EventBatch) -> None:
        index = journeys.index(own.row)
        leads = np.append(True, own.row[1:] != own.row[:-1])
        self._rows = own.row[leads]
        self._starts = np.append(np.flatnonzero(leads), len(own))
        group = np.cumsum(leads) - 1
        held = journeys.state["first_pay_time"][journeys.columns["slot"][index[leads]]]
        carried = np.where(held >= 0, held, NEVER)
        clicked = journeys.columns["click_time"][index]
        pay = (own.kind == Kind.PAY) & (own.time - clicked <= journeys.windows.longest_pay)
        paid = np.where(pay, own.time, NEVER)
        # Ranks in place of times: a running minimum within each journey is one over the whole, if every journey's numbers
        # lie below those of the one before.
        self._times = np.unique(np.concatenate([paid, carried]))
        self._width = len(self._times)
        rank = np.searchsorted(self._times, paid)
        rank[leads] = np.minimum(rank[leads], np.searchsorted(self._times, carried))
        self._rank = np.minimum.accumulate(rank - group * self._width) + group * self._width
        self._group = group
        self.first_pay: Int64 = self._times[self._rank]
        self.before: Int64 = np.append(NEVER, self.first_pay[:-1])
        self.before[leads] = carried

    def first_at(self, row: Int64, time: Int64) -> Int64:
        """Return, for instants of journeys, after which event a pay up to them is known; -1: after none."""
        group = np.searchsorted(self._rows, row)
        # Of the known times the last one up to the instant: the running minimum must have come down to it.
        reached = np.searchsorted(self._times, time, side="right") - 1
        falling = self._group * self._width + (self._width - 1 - self._rank)
        found = np.searchsorted(falling, group * self._width + (self._width - 1 - reached))
        return np.where((reached >= 0) & (found < self._starts[group + 1]), found, -1)
