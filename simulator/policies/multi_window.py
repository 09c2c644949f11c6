"""Several windows: elapsed-time sampling that says how early a conversion came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.elapsed_time import ElapsedTime
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("multi-window")
class MultiWindow(ElapsedTime):
    """As elapsed-time, with labels for windows of a half, two thirds and the whole of ``window`` (MISS, AAAI 2024).

    The three labels of a row are in its role: a conversion inside the half is an ``immediate_positive``, one inside two
    thirds an ``immediate_positive_2``, one after them an ``immediate_positive_3``. A ``negative`` is one for all three
    windows, a ``delayed_positive`` a positive for all three. Which half it was in goes by when the pay was made, whether
    it is delayed by when it became known.
    """

    def _observed(self, at: At, out: Outbox) -> None:
        delay = at.journey.first_pay_time - at.click_time
        half, two_thirds = delay <= self.window // 2, delay <= 2 * self.window // 3
        refunded = self._not_refunded()
        out.deliver(at[half], converted=True, refunded=refunded, role="immediate_positive")
        out.deliver(at[two_thirds & ~half], converted=True, refunded=refunded, role="immediate_positive_2")
        out.deliver(at[~two_thirds], converted=True, refunded=refunded, role="immediate_positive_3")
