"""The everyday model: what a click leads to on its own day, learnt on ordinary days."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import NonNegativeInt

from learners.heads import PROBABILITY
from learners.start.base import RECIPES, CalendarRecipe
from simulator.calendar import PHASES
from simulator.composite import following
from simulator.log.schema import ClickBatch, Float64, Labels
from simulator.prepromotion import PrePromotion

ORDINARY = (PHASES.index("before"), PHASES.index("after"))


@RECIPES.register("everyday")
class Everyday(CalendarRecipe):
    """``direct``, a first pay on the local day of the click, and ``cart``, a cart on that day; of ordinary days alone.

    Clicks in an anticipation or a sale teach it nothing. The method then goes ``epochs`` times over the clicks of past
    pre-promotion windows by its own objective: with 0 it has no history to reuse, and learns of a sale in the stream alone.
    """

    heads = {"direct": PROBABILITY, "cart": PROBABILITY}

    epochs: NonNegativeInt = 2
    """Passes of the method's own objective over what its policy would have delivered of the history."""
    stop_early: bool = False
    """Whether ``epochs`` is only the most: passes end where the last past promotion, held out at first, is foretold worse."""

    rehearsals: ClassVar[int] = following(0, lambda part: part.epochs)
    held_out: ClassVar[bool] = following(False, lambda part: part.stop_early)

    def targets(self, clicks: ClickBatch, labels: Labels) -> dict[str, Float64]:
        windows = PrePromotion(self.calendar)
        ordinary = np.isin(self.calendar.phase(clicks.time), ORDINARY)
        days = {"direct": labels.first_pay, "cart": labels.first_cart}
        return {
            head: np.where(ordinary, windows.same_day(clicks.time, first), np.nan)
            for head, first in days.items()
        }
