"""Real negative: elapsed-time sampling, and every negative once more when it is certain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.elapsed_time import ElapsedTime
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("real-negative")
class RealNegative(ElapsedTime):
    """As elapsed-time; whoever has not paid when the window closes is delivered once more as negative (DDFM, CIKM 2023)."""

    def on_close(self, at: At, out: Outbox) -> None:
        out.deliver(at[~at.journey.paid], converted=False, role="real_negative")
