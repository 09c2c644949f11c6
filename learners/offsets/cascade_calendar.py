"""What the promotion calendar says of a click at its very time, for both stages of the cascade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from pydantic import PositiveInt

from learners.evidence.layout import DenseFields, OpenClicks
from learners.offsets.base import OFFSETS, KnownOffset
from learners.offsets.calendar import CalendarOffset
from simulator.log.schema import Float64
from simulator.units import HOUR

if TYPE_CHECKING:
    from learners.bench import Bench
    from simulator.learning import Clicks


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

    def prepare(self, bench: Bench) -> KnownOffset:
        from learners.evidence.fit import evidence_net  # noqa: PLC0415

        pays = super().prepare(bench)
        few = {"carts": False, "epochs": self.refund_epochs, "batch_size": self.refund_batch_size}
        net = evidence_net(self.model_copy(update=few), bench, "refund at click")
        fields = DenseFields(bench.history.log.features, net.layout.fields)

        def offset(clicks: Clicks) -> Mapping[str, Float64]:
            if not net.layout.sales:
                return {**pays(clicks), "rfr": np.zeros(len(clicks))}
            time = clicks.time / HOUR
            nothing, logit = np.full(len(clicks), np.inf), np.full(len(clicks), net.mean_logit)
            state = OpenClicks(time, time, nothing, logit, fields(clicks.features))
            return {**pays(clicks), "rfr": net.shift(state)}

        return offset
