"""How likely a click pays on its own day."""

from __future__ import annotations

import numpy as np

from learners.auxiliary.base import AUXILIARIES, FittedAuxiliary
from learners.heads import PROBABILITY
from learners.start.base import CalendarRecipe
from simulator.log.schema import ClickBatch, Float64, Labels
from simulator.prepromotion import PrePromotion


@AUXILIARIES.register("direct")
class Direct(CalendarRecipe, FittedAuxiliary):
    """``p_direct`` is P(pays first on the local calendar day of the click), fitted on the clicks of the history outside sales.

    It is there for clicks before a sale, who pay on their day as on any other; inside one many more do.
    """

    heads = {"p_direct": PROBABILITY}

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        direct = PrePromotion(self.calendar).same_day(clicks.time, labels.first_pay)
        return {"p_direct": np.where(self.calendar.in_sale(clicks.time), np.nan, direct)}
