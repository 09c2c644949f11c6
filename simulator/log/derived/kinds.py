"""The kinds of derived features: each is asked once for every click, in the order of time, and keeps what is bounded."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from simulator.calendar import Calendar
from simulator.log.derived.past import Grouped, Known, Past, Slots
from simulator.log.schema import ROW_GROUP, Feature, Int32, Int64
from simulator.pieces import TimeQueue
from simulator.randomness import draws
from simulator.scenario.derived import ITEM, DerivedBlock
from simulator.units import DAY


class Derived(Protocol):
    """A derived feature while a log is read."""

    feature: Feature

    def of(self, time: Int64, user_id: Int64, item_id: Int64) -> Int32:
        """Return the ids of clicks (or impressions), shape (n, width); they follow those that were asked for before."""


def item_ids(item_id: Int64, buckets: int) -> Int64:
    """Return ids in ``[0, buckets)``: items below it stand for themselves, others share them by a hash."""
    hashed = (draws(item_id, "features", ITEM) * buckets).astype(np.int64)
    return np.where((item_id >= 0) & (item_id < buckets), item_id, hashed)


class Latest:
    """The user's latest events, newest first in the order in which they became known; memory holds so many a user.

    Parameters
    ----------
    name, block : the feature.
    cardinality : of the log's feature that is listed.
    """

    def __init__(self, name: str, block: DerivedBlock, past: Past, cardinality: int) -> None:
        self.feature = Feature(name, cardinality, block.longest, "tags")
        self._block, self._past = block, past
        self._queue: TimeQueue[Known] = TimeQueue(past.known(block.event), by="known")
        self._users = Slots()
        self._lists = np.empty((0, block.longest), np.int32)

    def of(self, time: Int64, user_id: Int64, item_id: Int64) -> Int32:
        fresh = Known.concatenate(self._queue.take(int(time[-1])))
        slots = self._users.add(self._past.of("user_id", fresh.row))
        if len(self._users) > len(self._lists):
            more = max(len(self._users) - len(self._lists), len(self._lists))
            self._lists = np.vstack([self._lists, np.full((more, self.feature.width), -1, np.int32)])
        grouped = Grouped(slots, fresh.known)
        values = self._values(fresh.row)[grouped.order]
        asked = self._users.of(user_id)
        found = self._listed(values, asked, *grouped.before(asked, time))
        met = np.unique(slots)
        end = np.full(len(met), np.iinfo(np.int64).max)
        self._lists[met] = self._listed(values, met, *grouped.before(met, end))
        return found

    def _values(self, rows: Int64) -> Int32:
        values = self._past.of(self._block.of, rows)
        if self._block.of == ITEM:
            values = item_ids(values, self._block.buckets)
        return np.asarray(values, np.int32)

    def _listed(self, values: Int32, slot: Int64, first: Int64, stop: Int64) -> Int32:
        """Return the latest of ``values[first:stop]`` of each slot, then what was listed before."""
        place = np.arange(self.feature.width)
        at, found = stop[:, None] - 1 - place, np.full((len(slot), self.feature.width), -1, np.int32)
        new = at >= first[:, None]
        found[new] = values[at[new]]
        older = ~new & (slot >= 0)[:, None]
        row, column = np.nonzero(older)
        found[older] = self._lists[slot[row], column - (stop - first)[row]]
        return found


class Counted:
    """How many events each item had before an instant."""

    def __init__(self, past: Past, event: str) -> None:
        self._past = past
        self._queue: TimeQueue[Known] = TimeQueue(past.known(event), by="known")
        self._items = Slots()
        self._count = np.zeros(0, np.int64)

    def before(self, item_id: Int64, time: Int64) -> Int64:
        """Return how many became known of each item before ``time``, which ascends from call to call."""
        fresh = Known.concatenate(self._queue.take(int(time[-1])))
        slots = self._items.add(self._past.of(ITEM, fresh.row))
        self._count = np.append(self._count, np.zeros(len(self._items) - len(self._count), np.int64))
        asked = self._items.of(item_id)
        first, stop = Grouped(slots, fresh.known).before(asked, time)
        found = stop - first
        found[asked >= 0] += self._count[asked[asked >= 0]]
        self._count += np.bincount(slots, minlength=len(self._count))
        return found


class Popularity:
    """How many events the item had in the time before, in bins.

    Parameters
    ----------
    history : begin and end of the history, on whose clicks the edges of the bins are learnt: quantiles.
    """

    def __init__(self, name: str, block: DerivedBlock, past: Past, history: tuple[int, int]) -> None:
        self._block, self._past = block, past
        self.edges = self._learnt(*history)
        self.feature = Feature(name, len(self.edges) + 1, kind="numeric")
        self._begin()

    def _begin(self) -> None:
        self._entered, self._left = (Counted(self._past, self._block.event) for _ in range(2))

    def _counts(self, time: Int64, item_id: Int64) -> Int64:
        return self._entered.before(item_id, time) - self._left.before(item_id, time - self._block.over)

    def _learnt(self, start: int, end: int) -> Int64:
        """Return the edges: a count at one belongs above it."""
        self._begin()
        often = np.zeros(0, np.int64)
        begin, stop = np.searchsorted(self._past.columns["time"], [start, end])
        for at in range(begin, stop, ROW_GROUP):
            rows = np.arange(at, min(at + ROW_GROUP, stop))
            met = np.bincount(self._counts(self._past.of("time", rows), self._past.of(ITEM, rows)))
            size = max(len(often), len(met))
            often = np.append(often, np.zeros(size - len(often), np.int64))
            often[: len(met)] += met
        if not len(often):
            return np.empty(0, np.int64)
        shares = -(-np.arange(1, self._block.bins) * often.sum() // self._block.bins)
        edges = np.searchsorted(np.cumsum(often), shares)
        return np.unique(edges[edges > 0])

    def of(self, time: Int64, user_id: Int64, item_id: Int64) -> Int32:
        found = np.searchsorted(self.edges, self._counts(time, item_id), side="right")
        return found.astype(np.int32)[:, None]


class DaysToSale:
    """Days to the next promotion, begun ones counted whole: 0 inside one, ``most + 1`` for more days and for none to come."""

    def __init__(self, name: str, block: DerivedBlock, calendar: Calendar) -> None:
        self.feature = Feature(name, block.most + 2, kind="numeric")
        self._most, self._calendar = block.most, calendar

    def of(self, time: Int64, user_id: Int64, item_id: Int64) -> Int32:
        days = np.full(len(time), self._most + 1)
        for promotion in self._calendar.promotions:
            ahead = -(-(promotion.start - time) // DAY)
            days = np.where(ahead > 0, np.minimum(days, ahead), days)
        days[self._calendar.in_sale(time)] = 0
        return days.astype(np.int32)[:, None]
