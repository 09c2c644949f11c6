"""Three streams in one: elapsed-time sampling, fake negatives, and a short window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.elapsed_time import ElapsedTime
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox

FEATURE = 2
"""Tag of the timer of the short window."""


@policy("satellites")
class Satellites(ElapsedTime):
    """As elapsed-time, and for two further models, told apart by role (DFSN, SIGIR 2023, as NetCVR, WWW 2026, builds it).

    ``feature`` is every click once, with the label seen after half the window; ``unbias_negative`` every click at its own
    time, ``unbias_positive`` every conversion at its pay. Only the main stream speaks of refunds.
    """

    def on_click(self, at: At, out: Outbox) -> None:
        super().on_click(at, out)
        out.timer(at, after=self.window // 2, tag=FEATURE)
        out.deliver(at, converted=False, role="unbias_negative")

    def on_timer(self, at: At, out: Outbox) -> None:
        short = at[at.tag == FEATURE]
        out.deliver(short, converted=short.journey.paid, role="feature")
        super().on_timer(at[at.tag != FEATURE], out)

    def on_pay(self, at: At, out: Outbox) -> None:
        super().on_pay(at, out)
        out.deliver(at[at.journey.first_pay], converted=True, role="unbias_positive")
