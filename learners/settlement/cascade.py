"""Posterior settlement of both stages of the cascade: the pay after the click, and the refund after the pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveFloat

from learners.settlement.policy import PosteriorSettlement
from learners.settlement.settler import RefundSettler, Settler
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("cascade-settlement")
class CascadeSettlement(PosteriorSettlement):
    """As posterior-settlement, and each first pay is believed to be refunded, and settled, in the same way.

    With z the log odds of the refund rate that was served for the click when it had paid, and l(s) the log likelihood
    ratio of no refund by s, r(s) = sigmoid(z + l(s)) is delivered at the end of the segment of the pay (role "refund_first")
    and settled every segment until the refund window closes (roles "refund" and "kept"). These samples carry
    ``refunded`` alone, so that what a pay is fed adds up to r - refunded, whatever the evidence said; samples of the first
    stage carry ``converted`` alone.

    Pays from before the stream are taken up by settlement alone.
    """

    labels = ("converted", "refunded")
    asks = (*PosteriorSettlement.asks, RefundSettler.question)
    own = Settler.own() | RefundSettler.own()

    refund_budget: PositiveFloat = 1.0
    """As budget, per pay. Of pays there are few: more of each costs little."""

    @property
    def _refunds(self) -> RefundSettler:
        return RefundSettler(self.refund_budget, self.evidence)

    def on_pay(self, at: At, out: Outbox) -> None:
        first = at[at.journey.first_pay]
        out.timer(first, until=first.refund_closing)

    def on_timer(self, at: At, out: Outbox) -> None:
        self._refunds.close(at, out)

    def on_segment(self, at: At, out: Outbox) -> None:
        super().on_segment(at, out)
        self._refunds.segment(at[at.journey.paid], out)
