"""Duplicate: every click exactly twice, so that what is delivered has the features of the clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.real_negative import RealNegative
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("duplicate")
class Duplicate(RealNegative):
    """As real-negative; conversions inside the window are delivered at their pay as well (DEFER, KDD 2021)."""

    def on_pay(self, at: At, out: Outbox) -> None:
        super().on_pay(at, out)
        early = at[at.journey.first_pay & (at.elapsed <= self.window)]
        out.deliver(early, converted=True, refunded=self._not_refunded(), role="copy")
