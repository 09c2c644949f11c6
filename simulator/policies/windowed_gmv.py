"""Windowed GMV: the amount as seen when the waiting window ends, corrected when the attribution window closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.policies.base import Windowed
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("windowed-gmv")
class WindowedGMV(Windowed):
    """Deliver once after the window with the GMV so far, and again at the close where pays came later.

    Whoever is first known to have paid after the window is heard of at the close. Without ``corrections`` nobody is heard of
    again.
    """

    labels = ("converted", "gmv")

    corrections: bool = True
    """Deliver the final GMV at the close to whom it is news."""
    every: bool = False
    """Deliver clicks that have not paid, too, as not converted (for models of all clicks); where they pay later, that is
    taken back (weight -1) as the correction comes."""

    def promises_final(self) -> bool:
        return self.corrections

    def on_click(self, at: At, out: Outbox) -> None:
        out.timer(at, after=self._length(at))

    def on_timer(self, at: At, out: Outbox) -> None:
        seen = at if self.every else at[at.journey.paid]
        paid = seen.journey.paid
        out.deliver(seen, converted=paid, gmv=np.where(paid, seen.journey.gmv, np.nan), role="observed")

    def on_close(self, at: At, out: Outbox) -> None:
        if not self.corrections:
            return
        news = at[at.journey.last_pay_arrival > at.click_time + self._length(at)]
        if self.every:
            unheard = news[news.journey.first_pay_arrival > news.click_time + self._length(at)]
            out.deliver(unheard, converted=False, weight=-1.0, role="retraction")
        out.deliver(news, converted=True, gmv=news.journey.gmv, role="final")

    def _length(self, at: At) -> int:
        return min(self.window, at.windows.attribution)
