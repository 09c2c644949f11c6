"""Records as they come in, and out again in replay order once nothing earlier is waited for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.live.records import Reading, Records, parsed
from simulator.live.seam import Piece
from simulator.log.schema import ClickBatch, EventBatch, Int64, Kind

_MANY = 100_000
"""Ids that are kept before it is looked which are old."""


@dataclass(slots=True)
class Partition:
    """How far one partition was read.

    Its watermark is the latest time so far less the lateness, in whole ticks, or what it was lifted to while it brought
    nothing: what is earlier is late. That depends on what stands before it in its partition alone, and on the lifts, which are
    kept beside the samples.
    """

    name: str
    number: int
    latest: int = -1
    position: int = 0
    """Where to go on reading."""
    lifted: int = -1
    lifts: dict[int, int] = field(default_factory=dict)
    """From positions on that are still to come, what is before these instants is late."""

    def lift(self, edges: Iterable[tuple[int, int]] = ()) -> None:
        """From positions on, take what is before instants for late."""
        for position, edge in (*self.lifts.items(), *edges):
            if position <= self.position:
                self.lifted = max(self.lifted, edge)
            else:
                self.lifts[position] = max(edge, self.lifts.get(position, -1))
        self.lifts = {position: edge for position, edge in self.lifts.items() if position > self.position}


class Intake:
    """Sorts what comes out of order, and puts aside what cannot be trusted.

    The watermark of all is the lowest of the partitions. What is released is decided in the order of time, from what happened
    within two lifetimes before, so that it matters neither in which pieces it was read nor, for a restart, what was before.

    Parameters
    ----------
    lateness, tick, lifetime : in microseconds; an id that comes again within a lifetime comes twice.
    """

    def __init__(
        self,
        lateness: int,
        tick: int,
        lifetime: int,
        partitions: Iterable[str] = ("",),
        reading: Reading | None = None,
    ) -> None:
        self._reading = reading or Reading()
        self._lateness, self._tick, self._lifetime = lateness, tick, lifetime
        self.partitions = {name: Partition(name, number) for number, name in enumerate(partitions)}
        self.aside: list[tuple[int, dict[str, Any]]] = []
        """What was put aside since the last time somebody took it, each with its reason and the instant at which that was
        decided; -1: it depends on what came before it in its partition alone."""
        self._held: list[Records] = []
        self._clicks: dict[int, tuple[int, int]] = {}
        """By click id, the row and time of clicks that were released."""
        self._came: tuple[dict[int, int], dict[int, int]] = ({}, {})
        """When ids came last, of clicks and of events."""
        self._row, self._sweep = 0, _MANY

    def watermark(self, partition: Partition) -> int:
        """Return the instant before which nothing of a partition is waited for."""
        return max((partition.latest - self._lateness) // self._tick * self._tick, partition.lifted)

    @property
    def edge(self) -> int:
        """The watermark of all: up to it everything can be released."""
        return min(map(self.watermark, self.partitions.values()))

    @property
    def latest(self) -> int:
        """The latest time so far; -1: there is none."""
        return max(partition.latest for partition in self.partitions.values())

    def read(self, name: str, piece: Piece) -> None:
        """Take the next records of a partition."""
        partition = self.partitions[name]
        records, places, told = parsed(piece.lines, piece.positions, partition.number, self._reading)
        if len(records):
            before = np.maximum.accumulate(np.concatenate(([partition.latest], records.time)))
            edges = np.maximum((before[:-1] - self._lateness) // self._tick * self._tick, partition.lifted)
            for position, edge in partition.lifts.items():
                after = records.position >= position
                edges = np.where(after, np.maximum(edges, edge), edges)
            late = records.time < edges
            told += [(places[k], "late: its tick is over") for k in np.flatnonzero(late).tolist()]
            self._held.append(records[~late])
            partition.latest = int(before[-1])
        for place, reason in sorted(told):
            text = piece.lines[place].decode("utf-8", "replace")
            self._put_aside(-1, reason, name, piece.positions[place], text)
        partition.position = piece.next
        partition.lift()

    def _put_aside(self, time: int, reason: str, partition: str, position: int, record: str) -> None:
        told = {"reason": reason, "partition": partition, "position": position, "record": record}
        self.aside.append((time, told))

    def release(self, until: int) -> tuple[ClickBatch | None, EventBatch]:
        """Return, in replay order, what happened before ``until``, which is not before the last time."""
        held = Records.concatenate(self._held)
        # What is kept of a partition comes before what it brings later, so that equal records stay in their order.
        held = held[np.argsort(held.partition, kind="stable")]
        now = held.time < until
        self._held = [held[~now]]
        held = held[now]
        held = held[np.lexsort((held.event_id, held.kind, held.time))]
        rows = self._decided(held)
        is_click = held.kind == Kind.CLICK
        clicks, events = held[is_click & (rows >= 0)], held[~is_click & (rows >= 0)]
        batch = None
        if len(clicks):
            batch = ClickBatch(self._row, clicks.click_id, clicks.time, np.empty((len(clicks), 0), np.int32))
            self._row += len(clicks)
        self._forget(until)
        return batch, EventBatch(
            rows[~is_click & (rows >= 0)], events.event_id, events.time, events.kind, events.amount
        )

    def _decided(self, records: Records) -> Int64:
        """Return the row of the click of each record; -1: it was put aside."""
        rows: list[int] = []
        lifetime, open_, next_row = self._lifetime, self._clicks, self._row
        came_clicks, came_events = self._came
        put: list[tuple[int, str]] = []
        columns = (records.time, records.kind, records.event_id, records.click_id)
        for time, kind, event_id, click_id in zip(*(column.tolist() for column in columns), strict=True):
            came = came_events if kind else came_clicks
            before = came.get(event_id)
            came[event_id] = time
            row = -1
            if before is not None and time - before <= lifetime:
                put.append((len(rows), "its id has come before"))
            elif not kind:
                row = next_row
                open_[click_id] = row, time
                next_row += 1
            else:
                known, clicked = open_.get(click_id, (-1, 0))
                if known < 0 or time - clicked > lifetime:
                    put.append((len(rows), "its click is not known, or its lifetime is over"))
                else:
                    row = known
            rows.append(row)
        names = list(self.partitions)
        for place, reason in put:
            name, position = names[records.partition[place]], records.position[place]
            self._put_aside(int(records.time[place]), reason, name, position, _told(records, place))
        return np.array(rows, np.int64)

    def _forget(self, now: int) -> None:
        """Let go of ids that can no longer matter, when there are twice as many as were left the last time."""
        if self._size() < self._sweep:
            return
        first = now - self._lifetime
        self._clicks = {key: value for key, value in self._clicks.items() if value[1] >= first}
        clicks, events = ({key: time for key, time in came.items() if time >= first} for came in self._came)
        self._came = clicks, events
        self._sweep = max(2 * self._size(), _MANY)

    def _size(self) -> int:
        return len(self._clicks) + sum(len(came) for came in self._came)


def _told(records: Records, place: int) -> str:
    """Return a record as it was understood."""
    one = {"kind": Kind(records.kind[place]).name.lower(), "click_id": int(records.click_id[place])}
    if records.kind[place] != Kind.CLICK:
        one["event_id"] = int(records.event_id[place])
    return json.dumps({**one, "time": int(records.time[place])})
