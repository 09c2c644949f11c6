"""Oracle: the final label at once. Reads the future, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from simulator.policies.base import Policy
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("oracle")
class Oracle(Policy):
    """Deliver the true final label at the click, or at the first pay: an upper bound that reads the future."""

    peeks = True
    labels = ("converted", "refunded", "gmv")

    at: Literal["click", "first-pay"] = "click"
    """When to deliver: every click at its own time, or converting clicks at their first pay."""
    net: bool = False
    """Deliver the GMV that stays: refunds reduce it."""

    def promises_final(self) -> bool:
        # The net GMV is another label than the log's.
        return not self.net

    def on_click(self, at: At, out: Outbox) -> None:
        if self.at == "click":
            self._deliver(at, out)

    def on_pay(self, at: At, out: Outbox) -> None:
        if self.at == "first-pay":
            self._deliver(at[at.journey.first_pay], out)

    def _deliver(self, at: At, out: Outbox) -> None:
        final = at.future
        paid = final.converted
        gmv = np.maximum(final.gmv - final.refund_amount, 0.0) if self.net else final.gmv
        out.deliver(
            at,
            converted=paid,
            refunded=np.where(paid, final.refunded, np.nan),
            gmv=np.where(paid, gmv, np.nan),
            role="oracle",
        )
