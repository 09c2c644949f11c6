"""What is to be delivered, and how it is cut into jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from simulator.calendar import Calendar
from simulator.errors import UsageError
from simulator.log.reader import Log
from simulator.log.schema import ROW_GROUP
from simulator.parts import Part
from simulator.plugins import place_of
from simulator.policies.base import Policy
from simulator.store import Location
from simulator.units import MINUTE, format_duration
from simulator.windows import Windows

EACH = 4
"""Slices for each process where the log is long enough: the last one to end is not waited for long. And lifetimes of
journeys that a slice is long at the least, if that leaves one for each process: what two slices deliver in one segment is
written twice, and of each segment within a lifetime of a slice's start the slice before may deliver something."""
TAIL = 4
"""How much longer ticks are when nobody clicks any more."""


@dataclass(frozen=True, slots=True)
class Order:
    """The samples of one policy for one log, cut into segments.

    Parameters
    ----------
    policy : its kind and parameters (`simulator.policies.base.Policy.spec`).
    folders : where modules of one's own are found.
    start, until : what is replayed, half-open; the start is that of a segment.
    segment : length of a segment; its number is that of its start from the log's origin on, in such lengths.
    tick : length of a tick.
    """

    log: Location
    policy: Mapping[str, Any]
    folders: tuple[str, ...]
    windows: Windows
    calendar: Calendar
    start: int
    until: int
    segment: int
    tick: int

    def edges(self, begin: int, end: int) -> Iterator[tuple[int, bool]]:
        """Yield the ends of the ticks of the clicks of ``[begin, end)``, and of what becomes of them: (time, a segment ends).

        No tick reaches over the end of a segment. When nobody clicks any more they are longer.
        """
        now, stop = begin, min(end + self.windows.lifetime, self.until)
        while now < stop:
            length = self.tick if now < end else TAIL * self.tick
            last = (now // self.segment + 1) * self.segment
            now = min(now + length, last, stop, *([end] if now < end else []))
            yield now, now in {last, self.until}


@dataclass(frozen=True, slots=True)
class Job:
    """One slice of an order: the clicks of ``[begin, end)``."""

    order: Order
    number: int
    begin: int
    end: int
    out: Location
    """Where the files of segments are written."""
    between: Location
    """Where its share in segments is written that other slices share in."""

    def alone(self, segment: int) -> bool:
        """Tell whether no other slice can deliver anything in a segment."""
        order = self.order
        first, last = segment * order.segment, (segment + 1) * order.segment
        after = self.begin == order.start or first >= self.begin + order.windows.lifetime
        return after and (self.end == order.until or last <= self.end)


def refuse(policy: Policy) -> None:
    """Refuse a policy whose samples are not a function of the log.

    Raises
    ------
    UsageError : it needs a model at the ends of segments.
    """
    doors = [f"asks ({', '.join(policy.asks)})"] if policy.asks else []
    doors += ["tells what it believes"] if policy.tells else []
    if doors:
        raise UsageError(
            f"policy {policy.kind!r} {' and '.join(doors)} at the end of every segment: what it delivers depends on a model "
            "that learns on the way, so it is no function of the log. Run it in a scenario with --dump-samples; allowed "
            "here: policies that need no model"
        )


def ordered(
    log: Log,
    policy: Policy,
    windows: Windows,
    calendar: Calendar,
    segment: int,
    folders: tuple[str, ...] = (),
) -> Order:
    """Return the order of what a policy would have delivered from the first click up to the end of observation."""
    refuse(policy)
    if segment < MINUTE:
        raise UsageError(f"--segment {format_duration(segment)}: allowed: 1m or longer")
    meta = log.meta
    start, until = meta.start // segment * segment, meta.observed_until + 1
    tick = max((until - start) * ROW_GROUP // max(meta.clicks, 1), MINUTE)
    return Order(
        log.location.absolute(),
        _placed(policy),
        folders,
        windows,
        calendar,
        start,
        until,
        segment,
        min(tick, segment),
    )


def _placed(part: Part) -> dict[str, Any]:
    """Return kind and parameters of a part, and of those inside it, by their places: another process finds them there."""
    inside = {name: _placed(value) for name, value in part if isinstance(value, Part)}
    return {**part.spec(), **inside, "kind": place_of(type(part))}


def slices(order: Order, width: int | None, workers: int) -> list[tuple[int, int]]:
    """Cut an order by click time; without a ``width``, so that all of ``workers`` have work."""
    span = order.until - order.start
    if width is None:
        long_enough = span // max(EACH * order.windows.lifetime, 1)
        count = max(workers, min(EACH * workers, long_enough)) if workers > 1 else 1
        width = -(-span // count)
        width = -(-width // order.segment) * order.segment
    edges = [*range(order.start, order.until, width), order.until]
    return list(pairwise(edges))


def jobs(order: Order, cuts: list[tuple[int, int]], out: Location, between: Location) -> list[Job]:
    """Return the jobs of an order."""
    return [Job(order, number, begin, end, out, between) for number, (begin, end) in enumerate(cuts)]
