"""How likely a click pays on its own day."""

from __future__ import annotations

from learners.auxiliary.base import AUXILIARIES, FittedAuxiliary
from learners.heads import PROBABILITY
from learners.start.base import CalendarRecipe
from simulator.log.schema import ClickBatch, Float64, Labels
from simulator.prepromotion import PrePromotion


@AUXILIARIES.register("direct")
class Direct(CalendarRecipe, FittedAuxiliary):
    """``p_direct`` is P(pays first on the local calendar day of the click), fitted on all clicks of the history."""

    heads = {"p_direct": PROBABILITY}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        return {"p_direct": PrePromotion(self.calendar).same_day(clicks.time, labels.first_pay).astype(float)}
