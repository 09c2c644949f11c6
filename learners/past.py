"""A log as it is known at one instant of the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulator.errors import RunError
from simulator.log.labels import LabelJoin
from simulator.log.schema import ClickBatch, EventBatch, Int64, Kind, Labels
from simulator.units import format_duration
from simulator.windows import Windows

UNKNOWN = np.iinfo(np.int64).max
"""The instant at which a pay was first known, of a click that is not known to have paid."""


class SeenLog(Protocol):
    """A log with the times at which its events become known."""

    def clicks(self, start: int, end: int, *, features: bool = True) -> Iterable[ClickBatch]:
        """Yield the clicks of ``[start, end)`` in replay order."""

    def events(self, start: int, end: int) -> Iterable[EventBatch]:
        """Yield the events that became known in ``[start, end)``, in replay order."""

    def labelled(
        self, windows: Windows, start: int, end: int, *, features: bool = True
    ) -> Iterable[tuple[ClickBatch, Labels]]:
        """Yield the clicks of ``[start, end)`` in replay order, with their final labels."""


@dataclass(frozen=True, slots=True)
class Past:
    """What can be read of a log at the instant ``now``. Whatever is asked for that is not known yet is refused."""

    log: SeenLog
    windows: Windows
    now: int

    def clicks(self, start: int, end: int) -> Iterator[ClickBatch]:
        """Yield the clicks of ``[start, end)`` with their features.

        Raises
        ------
        RunError : some of them are still to come.
        """
        self._refuse("clicks", end, end)
        yield from self.log.clicks(start, end)

    def finals(self, start: int, end: int) -> Iterator[tuple[ClickBatch, Labels]]:
        """Yield the clicks of ``[start, end)`` with their features and final labels; what is said of refunds may not be final.

        Raises
        ------
        RunError : the labels of some of them are not final.
        """
        self._refuse("final labels", end, end + self.windows.closing)
        yield from self.log.labelled(self.windows, start, end)

    def settled(self, end: int) -> bool:
        """Tell whether the conversions of all clicks before ``end`` are final."""
        return end + self.windows.closing <= self.now

    def known_pays(self, start: int, end: int) -> Iterator[tuple[Int64, Int64]]:
        """Yield the times of the clicks of ``[start, end)``, and when a pay of each was first known (`UNKNOWN`: not yet).

        Raises
        ------
        RunError : some of the clicks are still to come.
        """
        self._refuse("clicks", end, end)
        join = LabelJoin(iter(self.log.events(start, self.now)), self.windows)
        for clicks in self.log.clicks(start, end, features=False):
            if not len(clicks):
                continue
            events = join.events(clicks.row, clicks.time)
            place = events.row - clicks.row
            own = (place < len(clicks)) & (events.kind == Kind.PAY)
            place, events = place[own], events[own]
            since = clicks.time[place]
            counted = events.time - since <= self.windows.longest_pay
            counted &= events.arrival - since <= self.windows.lifetime
            known = np.full(len(clicks), UNKNOWN)
            np.minimum.at(known, place[counted], events.arrival[counted])
            yield clicks.time, known

    def _refuse(self, what: str, end: int, known: int) -> None:
        if known > self.now:
            raise RunError(
                f"{what} up to {format_duration(end)} were asked for at {format_duration(self.now)}: they are not known then"
            )
