"""What the promotion calendar says of a click at its very time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from learners.evidence.layout import DenseFields, OpenClicks
from learners.evidence.parameters import NetParameters
from learners.offsets.base import OFFSETS, FixedOffset, KnownOffset, Offset, Terms
from simulator.log.schema import Float64
from simulator.units import HOUR, PositiveDuration

if TYPE_CHECKING:
    from learners.evidence.net import EvidenceNet
    from learners.materials import Materials
    from simulator.learning import Clicks


@OFFSETS.register("calendar")
class CalendarOffset(NetParameters, Offset):
    """c(t, d) = G(state at the click, no cart, mean logit), where G is the net of the auxiliary ``evidence``.

    What an earlier sale taught of clicks at this place in the calendar, and with these dense fields. Of the features it
    sees the dense fields alone. Nothing (0) where neither the history nor a prior holds a sale: then there is nothing to know.
    """

    heads: ClassVar[tuple[str, ...]] = ("cvr",)

    level: bool = False
    """Add a level that is solved for at every segment's end (`learners.evidence.level`). For posterior settlement."""
    level_memory: PositiveDuration = "18h"  # type: ignore[assignment]
    """Age at which a click of no promotion has lost most of its weight (by e) in that."""
    level_spread: PositiveFloat = 0.03
    """Standard deviation of the level outside of promotions about its last value."""
    level_sale_spread: PositiveFloat = 0.1
    """That of the levels in a promotion and after it about the one outside."""
    tower: bool = False
    """Add weights of single features in a promotion, which learn (`learners.evidence.tower`)."""
    tower_largest: PositiveInt = 1_000
    """Features with more categories are ids, of which one promotion tells nothing, and have no weights."""
    tower_rate: PositiveFloat = 0.02
    """Of the tower's Adagrad steps in the stream."""
    tower_history_rate: PositiveFloat = 0.05
    """Of those on the promotions of the history."""

    @property
    def listens(self) -> bool:
        return self.level

    def prepare(self, materials: Materials) -> KnownOffset:
        from learners.evidence.fit import evidence_net  # noqa: PLC0415

        fixed = said_at_click(evidence_net(self, materials), materials, "cvr")
        terms: list[KnownOffset] = [fixed]
        if self.tower:
            terms.append(self._tower(materials, fixed))
        if self.level:
            from learners.evidence.level import Level  # noqa: PLC0415

            spreads = (self.level_spread, self.level_sale_spread, self.level_sale_spread)
            terms.append(Level(materials.calendar, self.level_memory / HOUR, spreads))
        return Terms(terms)

    def _tower(self, materials: Materials, fixed: KnownOffset) -> KnownOffset:
        from learners.evidence.tower import Tower, learnt_before  # noqa: PLC0415
        from learners.networks.mlp import MLP  # noqa: PLC0415
        from learners.pretrain import Pretraining  # noqa: PLC0415
        from learners.start.cvr import ConversionRate  # noqa: PLC0415

        history = materials.history
        tower = Tower(history.log.features, self.tower_largest, materials.calendar, self.tower_rate)
        if history.end > history.start:
            network = MLP().completed(materials.learner)
            plan = Pretraining(ConversionRate(), network, (), materials.learner, history, materials.seed)
            learnt_before(tower, plan, fixed, skipped=self.skipped, rate=self.tower_history_rate)
        return tower


def said_at_click(net: EvidenceNet, materials: Materials, head: str) -> KnownOffset:
    """Return what a net says of clicks at their own time, no cart and a mean logit; 0 where it has met no sale."""
    fields = DenseFields(materials.history.log.features, net.layout.fields)

    def shift(clicks: Clicks) -> Float64:
        if not net.layout.sales:
            return np.zeros(len(clicks))
        time = clicks.time / HOUR
        nothing, logit = np.full(len(clicks), np.inf), np.full(len(clicks), net.mean_logit)
        return net.shift(OpenClicks(time, time, nothing, logit, fields(clicks.features)))

    return FixedOffset(lambda clicks: {head: shift(clicks)})
