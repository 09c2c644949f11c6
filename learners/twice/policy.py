"""Two clocks: every click once after a short window, and every conversion when it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.learning import PREDICTIONS
from simulator.policies.base import Windowed
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("two-clocks")
class TwoClocks(Windowed):
    """The click clock delivers each click after the window, with the pay seen by then (role "click"); the conversion clock each
    first pay when it becomes known (role "conversion"), with its ``delay`` in microseconds (TWICE, 2026: a window of 1 h).

    At segment ends the auxiliary is told the conversion rate that was served for each click, once: the mass of its cohort.
    Clicks whose whole life lies inside one segment are in none.
    """

    delivers_final = True
    asks = (PREDICTIONS,)
    tells = True
    own = {"told": ("float64", 0.0)}
    carries = {"delay": "float64"}

    def on_click(self, at: At, out: Outbox) -> None:
        out.timer(at, after=self.window)

    def on_timer(self, at: At, out: Outbox) -> None:
        out.deliver(at, converted=at.journey.paid, role="click")

    def on_pay(self, at: At, out: Outbox) -> None:
        first = at[at.journey.first_pay]
        out.deliver(first, converted=True, role="conversion", delay=first.elapsed.astype(np.float64))

    def on_segment(self, at: At, out: Outbox) -> None:
        new = at[(at.own["told"] == 0) & (at.elapsed < at.windows.closing)]
        if len(new):
            new.own["told"] = 1.0
            new.tell(cvr=np.asarray(new.ask(PREDICTIONS)["cvr"]))
