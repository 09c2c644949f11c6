"""Fake negative: 0 at the click, 1 again at the pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.base import Policy
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("fake-negative")
class FakeNegative(Policy):
    """Deliver every click at once as negative, and again as positive at its first pay (Ktena et al., RecSys 2019)."""

    delivers_final = True
    labels = ("converted", "refunded")

    refunds: bool = False
    """Say of a conversion that it is not refunded, and deliver it once more when it is (NetCVR, WWW 2026)."""

    def on_click(self, at: At, out: Outbox) -> None:
        out.deliver(at, converted=False, role="negative")

    def on_pay(self, at: At, out: Outbox) -> None:
        first = at[at.journey.first_pay]
        out.deliver(first, converted=True, refunded=False if self.refunds else None, role="positive")

    def on_refund(self, at: At, out: Outbox) -> None:
        if self.refunds:
            out.deliver(at[at.journey.refund_count == 1], refunded=True, role="refund")
