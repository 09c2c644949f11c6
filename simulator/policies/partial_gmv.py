"""Partial GMV: the cumulative amount at every pay, and the final one when the window closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.base import Policy
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("partial-gmv")
class PartialGMV(Policy):
    """Deliver the GMV so far at every pay, and the final GMV when the attribution window closes (OnlineGMV, WWW 2026)."""

    settles = True
    labels = ("converted", "gmv")

    partial: bool = True
    """Deliver the GMV so far at every pay; without it only the final label is sent (offline training)."""
    final: bool = True
    """Deliver the final GMV once more at the close; without it only the partial labels are sent."""

    def on_pay(self, at: At, out: Outbox) -> None:
        if self.partial:
            out.deliver(at, converted=True, gmv=at.journey.gmv, role="partial")

    def on_close(self, at: At, out: Outbox) -> None:
        if self.final:
            paid = at[at.journey.paid]
            out.deliver(paid, converted=True, gmv=paid.journey.gmv, role="final")
