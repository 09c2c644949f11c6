"""What becomes known of the clicks that a method won: first pays, what they bring, and what is returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.auction.settings import AuctionBlock
from simulator.log.schema import Bool, Columns, EventBatch, Float64, Int64, Kind
from simulator.windows import Windows

_NEVER = -1


@dataclass(slots=True)
class Conversions(Columns):
    """What was heard, one row an event, in order of arrival.

    Parameters
    ----------
    time : of the arrival.
    click_time : of the click that it followed.
    campaign : that won the click.
    count : 1 for the first pay of a click, else 0.
    revenue : money that it brought in the words of ``auction.value``, the margin left out; below 0 where it was returned.
    """

    time: Int64
    click_time: Int64
    campaign: Int64
    count: Float64
    revenue: Float64


@dataclass(slots=True)
class _Open(Columns):
    """Clicks of which more may be heard, by their rows. ``first_pay``: when the first pay that is known happened, and
    ``known`` when it arrived; -1 before.
    """

    row: Int64
    time: Int64
    campaign: Int64
    first_pay: Int64
    known: Int64


class WonClicks:
    """Keeps the clicks that were won for as long as anything that follows counts.

    Attributes
    ----------
    pending : what was heard and has not been acted on.
    """

    def __init__(self, settings: AuctionBlock, windows: Windows) -> None:
        self._settings, self._windows = settings, windows
        self._open = _Open.empty()
        self.pending = Conversions.empty()

    def add(self, rows: Int64, time: Int64, campaign: Int64) -> None:
        """Remember clicks, in any order."""
        if len(rows):
            none = np.full(len(rows), _NEVER)
            new = _Open(rows, time, campaign, none, none)
            both = _Open.concatenate([self._open, new])
            self._open = both[np.argsort(both.row, kind="stable")]

    def hear(self, events: EventBatch) -> Conversions:
        """Return what events, in order of arrival, say of the clicks; forget those of which nothing more can come."""
        if not len(events) or not len(self._open):
            return Conversions.empty()
        known = self._open
        place = np.minimum(np.searchsorted(known.row, events.row), len(known) - 1)
        mine = (known.row[place] == events.row) & (
            events.arrival - known.time[place] <= self._windows.lifetime
        )
        events, place = events[mine], place[mine]
        pay = (events.kind == Kind.PAY) & (events.time - known.time[place] <= self._windows.longest_pay)
        first = self._first(place, pay)
        known.first_pay[place[first]], known.known[place[first]] = events.time[first], events.arrival[first]
        counted = pay | self._refunds(events, place)
        return Conversions(
            events.arrival[counted],
            known.time[place[counted]],
            known.campaign[place[counted]],
            first[counted].astype(np.float64),
            self._revenue(events, pay, first)[counted],
        )

    def _first(self, place: Int64, pay: Bool) -> Bool:
        """Tell which pays are the first that is known of their clicks."""
        new = np.flatnonzero(pay & (self._open.first_pay[place] == _NEVER))
        _, at = np.unique(place[new], return_index=True)
        first = np.zeros(len(place), np.bool_)
        first[new[at]] = True
        return first

    def _refunds(self, events: EventBatch, place: Int64) -> Bool:
        """Tell which events are refunds, after a pay that is known, inside their window."""
        paid = self._open.first_pay[place]
        since = events.time - paid
        refund: Bool = (events.kind == Kind.REFUND) & (paid != _NEVER)
        refund &= events.arrival >= self._open.known[place]
        return refund & (since >= 0) & (since <= self._windows.longest_refund)

    def _revenue(self, events: EventBatch, pay: Bool, first: Bool) -> Float64:
        if self._settings.value == "pay":
            return np.where(first, self._settings.worth, 0.0)
        brought = np.where(pay, events.amount, 0.0)
        if self._settings.value == "net-gmv":
            brought = np.where(events.kind == Kind.REFUND, -events.amount, brought)
        return brought

    def arrived(self, until: int) -> Conversions:
        """Remove and return what is pending and arrived before an instant."""
        cut = int(np.searchsorted(self.pending.time, until))
        arrived, self.pending = self.pending[:cut], self.pending[cut:]
        return arrived

    def forget(self, now: int) -> None:
        """Forget clicks of which nothing more can come."""
        self._open = self._open[self._open.time + self._windows.lifetime >= now]

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what it knows, as arrays."""
        return {
            f"{part}.{name}": array
            for part, of in (("open", self._open), ("pending", self.pending))
            for name, array in of.arrays().items()
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        self._open = _Open.from_arrays(_under("open", state))
        self.pending = Conversions.from_arrays(_under("pending", state))


def _under(part: str, state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return copies of the arrays that are named ``part.NAME``."""
    return {
        name.removeprefix(f"{part}."): of.copy() for name, of in state.items() if name.startswith(f"{part}.")
    }
