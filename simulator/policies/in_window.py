"""In-window: conversions and refunds as their observation windows show them, and nothing after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.base import Windowed
from simulator.policies.elapsed_time import CLICK, PAY
from simulator.policies.registry import policy
from simulator.units import Duration

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("in-window")
class InWindow(Windowed):
    """Deliver each click once: as negative after its window, or, if it paid inside, with the refund label seen after the
    pay's own window; late pays and refunds are never heard of (the refund-aware vanilla of NetCVR, WWW 2026).
    """

    labels = ("converted", "refunded")

    refund_window: Duration = "15m"  # type: ignore[assignment]
    """How long to observe a conversion before its refund label."""

    def on_click(self, at: At, out: Outbox) -> None:
        out.timer(at, after=self.window, tag=CLICK)

    def on_pay(self, at: At, out: Outbox) -> None:
        early = at[at.journey.first_pay & (at.elapsed <= self.window)]
        out.timer(early, after=min(self.refund_window, at.windows.refund), tag=PAY)

    def on_timer(self, at: At, out: Outbox) -> None:
        pays = at[at.tag == PAY]
        out.deliver(pays, converted=True, refunded=pays.journey.refunded, role="observed")
        clicks = at[at.tag == CLICK]
        out.deliver(clicks[~clicks.journey.paid], converted=False, role="negative")
