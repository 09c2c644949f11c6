"""What the promotion calendar says of a click at its very time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from learners.offsets.base import OFFSETS, KnownOffset, Offset
from learners.settlement.evidence.layout import DenseFields, OpenClicks
from learners.settlement.evidence.parameters import NetParameters
from simulator.log.schema import Float64
from simulator.units import HOUR

if TYPE_CHECKING:
    from learners.materials import Materials
    from learners.settlement.evidence.net import EvidenceNet
    from simulator.learning import Clicks


@OFFSETS.register("calendar")
class CalendarOffset(NetParameters, Offset):
    """c(t, d) = G(state at the click, no cart, mean logit), where G is the net of the auxiliary ``evidence``.

    What an earlier sale taught of clicks at this place in the calendar, and with these dense fields. Of the features it
    sees the dense fields alone. Nothing (0) where neither the history nor a prior holds a sale: then there is nothing to know.
    """

    heads: ClassVar[tuple[str, ...]] = ("cvr",)

    def prepare(self, materials: Materials) -> KnownOffset:
        from learners.settlement.evidence.fit import evidence_net

        return said_at_click(evidence_net(self, materials), materials, "cvr")


def said_at_click(net: EvidenceNet, materials: Materials, head: str) -> KnownOffset:
    """Return what a net says of clicks at their own time, no cart and a mean logit; 0 where it has met no sale."""
    fields = DenseFields(materials.history.log.features, net.layout.fields)

    def shift(clicks: Clicks) -> Float64:
        if not net.layout.sales:
            return np.zeros(len(clicks))
        time = clicks.time / HOUR
        nothing, logit = np.full(len(clicks), np.inf), np.full(len(clicks), net.mean_logit)
        return net.shift(OpenClicks(time, time, nothing, logit, fields(clicks.features)))

    return lambda clicks: {head: shift(clicks)}
