"""The attribution windows: after them nothing counts, and the label is final."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.units import DAY, MINUTE

Edges = Literal["inclusive", "exclusive"]


@dataclass(frozen=True, slots=True)
class Windows:
    """Lengths in microseconds. Windows are of the times of events, whenever these become known.

    Parameters
    ----------
    attribution : pays count up to this long after their click.
    refund : refunds count up to this long after the first pay of their click.
    lateness : how much later than it happened the last event becomes known. A journey stays open that much longer; what
        arrives even later counts for nothing.
    edges : whether an event at the very end of a window counts ("inclusive": a pay exactly at ``click + attribution``
        does) or not ("exclusive").
    click : a click counts for its impression up to this long after it; nobody clicked an impression that is older.
    """

    attribution: int = 3 * DAY
    refund: int = 3 * DAY
    lateness: int = 0
    edges: Edges = "inclusive"
    click: int = 30 * MINUTE

    @property
    def longest_pay(self) -> int:
        """Longest time from a click to a pay (or cart) that counts; the clock's step is a microsecond."""
        return self.attribution - (self.edges == "exclusive")

    @property
    def longest_refund(self) -> int:
        """Longest time from the first pay to a refund that counts; -1 where none can."""
        return self.refund - (self.edges == "exclusive")

    @property
    def longest_click(self) -> int:
        """Longest time from an impression to a click that counts for it."""
        return self.click - (self.edges == "exclusive")

    @property
    def span(self) -> int:
        """How long after its click anything that counts can happen."""
        return self.attribution + self.refund

    @property
    def closing(self) -> int:
        """How long after its click conversion and GMV are final: the window is over, and what it held has arrived."""
        return self.attribution + self.lateness

    @property
    def lifetime(self) -> int:
        """How long after its click a journey can still change."""
        return self.span + self.lateness
