"""Partial GMV: the cumulative amount at every pay, and the final one when the window closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.policies.base import Policy
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox
    from simulator.log.schema import Float64


@policy("partial-gmv")
class PartialGMV(Policy):
    """Deliver the GMV so far at every pay, and the final GMV when the attribution window closes (OnlineGMV, WWW 2026).

    The role tells the deliveries apart: "partial" at a pay, even one at the very end of the window, and "final" at the
    close, with the GMV, time and number of the last pay in ``previous_gmv``, ``previous_time`` and ``pay_count``.
    """

    labels = ("converted", "gmv")

    partial: bool = True
    """Deliver the GMV so far at every pay; without it only the final label is sent (offline training)."""
    final: bool = True
    """Deliver the final GMV once more at the close; without it only the partial labels are sent."""
    net: bool = False
    """Refunds reduce the label: each one corrects it downwards (if ``partial``), and it is final when the windows of click
    and first pay have both closed."""

    def promises_final(self) -> bool:
        # The last pay carries the final GMV; the final net GMV is another label than the log's.
        return not self.net

    def on_pay(self, at: At, out: Outbox) -> None:
        if self.partial:
            out.deliver(at, converted=True, gmv=self._so_far(at), role="partial")
        if self.net and self.final:
            first = at[at.journey.first_pay]
            closed = np.maximum(first.click_time + at.windows.closing, first.refund_closing)
            out.timer(first, until=closed)

    def on_refund(self, at: At, out: Outbox) -> None:
        if self.net and self.partial:
            out.deliver(at, converted=True, gmv=self._so_far(at), role="refund")

    def on_timer(self, at: At, out: Outbox) -> None:
        out.deliver(at, converted=True, gmv=self._so_far(at), role="final")

    def on_close(self, at: At, out: Outbox) -> None:
        if self.final and not self.net:
            paid = at[at.journey.paid]
            out.deliver(paid, converted=True, gmv=paid.journey.gmv, role="final")

    def _so_far(self, at: At) -> Float64:
        # Refunds in cents may exceed pays in cents by the last bit of a sum.
        return np.maximum(at.journey.net_gmv, 0.0) if self.net else at.journey.gmv
