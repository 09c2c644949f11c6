"""The attribution windows: after them nothing counts, and the label is final."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.units import DAY


@dataclass(frozen=True, slots=True)
class Windows:
    """Lengths in microseconds; both ends inclusive (a pay exactly at ``click + attribution`` counts).

    Parameters
    ----------
    attribution : pays count up to this long after their click.
    refund : refunds count up to this long after the first pay of their click.
    """

    attribution: int = 3 * DAY
    refund: int = 3 * DAY

    @property
    def lifetime(self) -> int:
        """How long after its click a journey can still change."""
        return self.attribution + self.refund
