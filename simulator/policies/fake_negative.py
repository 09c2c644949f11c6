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

    settles = True

    def on_click(self, at: At, out: Outbox) -> None:
        out.deliver(at, converted=False, role="negative")

    def on_pay(self, at: At, out: Outbox) -> None:
        out.deliver(at[at.journey.first_pay], converted=True, role="positive")
