"""Auxiliaries that speak of both observation windows: the one after the click and the one after the pay."""

from __future__ import annotations

from typing import Self

from learners.auxiliary.base import Auxiliary
from simulator.log.schema import ClickBatch, Float64, Labels
from simulator.policies import Policy
from simulator.units import Duration


class TwoWindows(Auxiliary):
    """An auxiliary of both stages of the cascade. A pay or refund exactly at its window's end is inside."""

    window: Duration | None = None
    """The observation window; that of the method's policy, or of the scenario, unless given."""
    refund_window: Duration | None = None
    """The observation window of refunds; that of the method's policy, or of the scenario, unless given."""

    def completed(self, observation: int) -> Self:
        return self if self.window is not None else self.model_copy(update={"window": observation})

    def completed_for(self, policy: Policy, observation: int) -> Self:
        own = super().completed_for(policy, observation)
        if own.refund_window is not None:
            return own
        return own.model_copy(update={"refund_window": policy.setting("refund_window", observation)})

    def late_pay(self, clicks: ClickBatch, labels: Labels) -> Float64:
        """Return 1 for the conversions after the window, 0 for those inside; nothing else is meant."""
        assert self.window is not None, "completed_for() comes before"
        return (labels.first_pay - clicks.time > self.window).astype(float)

    def late_refund(self, labels: Labels) -> Float64:
        """Return 1 for the refunds after the window, 0 for those inside; nothing else is meant."""
        assert self.refund_window is not None, "completed_for() comes before"
        return (labels.first_refund - labels.first_pay > self.refund_window).astype(float)
