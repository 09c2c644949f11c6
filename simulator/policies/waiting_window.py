"""Waiting window: one label per click, as seen when the window ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.base import Windowed
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("waiting-window")
class WaitingWindow(Windowed):
    """Deliver once, after the observation window, with the label seen by then; never correct it."""

    labels = ("converted", "refunded")

    refunds: bool = False
    """Say of every conversion at its pay that it is not refunded, and once more when it is, apart from the label of the
    click: conversions that came too late for that one teach the refund stage all the same."""

    def on_click(self, at: At, out: Outbox) -> None:
        out.timer(at, after=self.window)

    def on_timer(self, at: At, out: Outbox) -> None:
        out.deliver(at, converted=at.journey.paid, role="observed")

    def on_pay(self, at: At, out: Outbox) -> None:
        if self.refunds:
            out.deliver(at[at.journey.first_pay], refunded=False, role="no_refund")

    def on_refund(self, at: At, out: Outbox) -> None:
        if self.refunds:
            out.deliver(at[at.journey.refund_count == 1], refunded=True, role="refund")
