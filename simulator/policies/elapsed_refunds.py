"""Elapsed-time sampling of two labels of one click: whether it converts, and whether it converts and is refunded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.base import Windowed
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("elapsed-refunds")
class ElapsedRefunds(Windowed):
    """Deliver what the observation window of the click shows of its pay and of its refund; each again if it comes later.

    What has not converted is not refunded either: a negative says so of both, and leaves ``refunded`` null. A delayed positive
    says nothing of a refund (ECAD, CIKM 2023; one window for both labels is ours).
    """

    delivers_final = True
    labels = ("converted", "refunded")

    def on_click(self, at: At, out: Outbox) -> None:
        out.timer(at, after=self.window)

    def on_timer(self, at: At, out: Outbox) -> None:
        paid = at.journey.paid
        early = at[paid]
        out.deliver(early, converted=True, refunded=early.journey.refunded, role="immediate_positive")
        out.deliver(at[~paid], converted=False, role="negative")

    def on_pay(self, at: At, out: Outbox) -> None:
        late = at[at.journey.first_pay & (at.elapsed > self.window)]
        out.deliver(late, converted=True, role="delayed_positive")

    def on_refund(self, at: At, out: Outbox) -> None:
        late = at[(at.journey.refund_count == 1) & (at.elapsed > self.window)]
        out.deliver(late, refunded=True, role="delayed_refund")
