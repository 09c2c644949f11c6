"""What is to be delivered, and how it is cut into jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from simulator.calendar import Calendar
from simulator.errors import UsageError
from simulator.log.reader import Log
from simulator.log.schema import ROW_GROUP
from simulator.plugins import place_of
from simulator.policies.base import Policy
from simulator.units import MINUTE, format_duration
from simulator.windows import Windows

CLICKS = 4_000_000
"""Clicks of a slice at the most, unless somebody says how long one is; what a process holds is bounded by it."""
EACH = 4
"""Slices for each process at the least, where the log is long enough: the last ones to end should not wait long."""


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

    log: Path
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
            length = self.tick if now < end else EACH * self.tick
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
    out: Path
    """Where what it delivers is written."""


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
        log.path.resolve(),
        {**policy.spec(), "kind": place_of(type(policy))},
        folders,
        windows,
        calendar,
        start,
        until,
        segment,
        min(tick, segment),
    )


def slices(order: Order, clicks: int, width: int | None, workers: int) -> list[tuple[int, int]]:
    """Cut an order by click time; without a ``width``, so that all of ``workers`` have work and none has too much of it."""
    span = order.until - order.start
    if width is None:
        count = max(-(-clicks // CLICKS), EACH * workers) if workers > 1 else 1
        width = -(-span // count)
        width = -(-width // order.segment) * order.segment
    edges = [*range(order.start, order.until, width), order.until]
    return list(pairwise(edges))


def jobs(order: Order, cuts: list[tuple[int, int]], out: Path) -> list[Job]:
    """Return the jobs of an order."""
    return [Job(order, number, begin, end, out) for number, (begin, end) in enumerate(cuts)]
