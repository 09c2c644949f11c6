"""What the promotion calendar says of a click at its very time, for both stages of the cascade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from learners.offsets.base import OFFSETS, KnownOffset
from learners.settlement.calendar_offset import CalendarOffset, said_at_click

if TYPE_CHECKING:
    from learners.materials import Materials


@OFFSETS.register("cascade-calendar")
class CascadeCalendarOffset(CalendarOffset):
    """As calendar, and for the refund rate what an earlier sale taught of those who pay after a click at this place.

    Who clicks before a sale may pay in its rush, and send it back. A net of its own learns it, at the clicks of the
    history that paid, as the logit of a refund beyond that of the network.
    """

    heads = ("cvr", "rfr")

    refund_epochs: PositiveInt = 6
    """As epochs, at the refund stage: pays are few."""
    refund_batch_size: PositiveInt = 256
    """As batch_size, at the refund stage."""

    def prepare(self, materials: Materials) -> KnownOffset:
        from learners.settlement.evidence.fit import evidence_net

        pays = super().prepare(materials)
        few = {"carts": False, "epochs": self.refund_epochs, "batch_size": self.refund_batch_size}
        net = evidence_net(self.model_copy(update=few), materials, "refund at click")
        refunds = said_at_click(net, materials, "rfr")
        return lambda clicks: {**pays(clicks), **refunds(clicks)}
