"""Pre-promotion: what becomes of the clicks before a sale, once it is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.policies.base import Policy
from simulator.policies.registry import policy
from simulator.prepromotion import OUTCOMES, PrePromotion

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("pre-promotion")
class BeforeSale(Policy):
    """Deliver each click of a pre-promotion window once, when its sale is over, with what it has come to; no other click.

    ``direct`` is a first pay on the click's own day, ``delayed`` a first pay inside the sale and none on that day,
    ``same_day_cart`` a cart on that day (`simulator.prepromotion.PrePromotion`). Where the attribution
    window closes before the sale is over, nothing that comes later counts, and the click is delivered at its closing.
    """

    labels = ()
    carries = dict.fromkeys(OUTCOMES, "float32")

    def on_click(self, at: At, out: Outbox) -> None:
        decided = PrePromotion(at.calendar).settled(at.click_time)
        before = decided >= 0
        closing = at.click_time[before] + at.windows.closing
        out.timer(at[before], until=np.minimum(decided[before] + at.windows.lateness, closing))

    def on_timer(self, at: At, out: Outbox) -> None:
        journey, windows = at.journey, PrePromotion(at.calendar)
        known: dict[str, Any] = windows.outcomes(at.click_time, journey.first_pay_time, journey.cart_time)
        out.deliver(at, role="decided", **known)
