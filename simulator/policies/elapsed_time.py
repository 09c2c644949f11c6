"""Elapsed-time sampling: the label seen after the window, and late positives again when they pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.base import Windowed
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("elapsed-time")
class ElapsedTime(Windowed):
    """Deliver after the observation window; deliver delayed positives again when they pay (ES-DFM, AAAI 2021)."""

    settles = True

    def on_click(self, at: At, out: Outbox) -> None:
        out.timer(at, after=self.window)

    def on_timer(self, at: At, out: Outbox) -> None:
        paid = at.journey.paid
        out.deliver(at[paid], converted=True, role="immediate_positive")
        out.deliver(at[~paid], converted=False, role="negative")

    def on_pay(self, at: At, out: Outbox) -> None:
        late = at.journey.first_pay & (at.elapsed > self.window)
        out.deliver(at[late], converted=True, role="delayed_positive")
