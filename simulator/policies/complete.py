"""Complete: the label when the attribution window closes, which is final."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.policies.base import Policy
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("complete")
class Complete(Policy):
    """Deliver once, when the attribution window closes and nothing can arrive any more: right, but late (offline training,
    BDL).
    """

    delivers_final = True
    labels = ("converted", "refunded", "gmv")

    refunds: bool = False
    """Deliver the final refund label of each conversion, too, when its refund window closes (NetCVR, WWW 2026)."""

    def on_close(self, at: At, out: Outbox) -> None:
        self._final(at, out)

    def _final(self, at: At, out: Outbox, **carried: Any) -> None:
        paid, gmv = at.journey.paid, at.journey.gmv
        out.deliver(at, converted=paid, gmv=np.where(paid, gmv, np.nan), role="final", **carried)

    def on_pay(self, at: At, out: Outbox) -> None:
        if self.refunds:
            first = at[at.journey.first_pay]
            out.timer(first, until=first.refund_closing)

    def on_timer(self, at: At, out: Outbox) -> None:
        out.deliver(at, refunded=at.journey.refunded, role="final_refund")


@policy("with-carts")
class WithCarts(Complete):
    """As complete, and whether there was a cart inside the attribution window (``carted``: 1 or 0)."""

    carries = {"carted": "float64"}

    def _final(self, at: At, out: Outbox, **carried: Any) -> None:
        super()._final(at, out, **carried, carted=at.journey.carted)
