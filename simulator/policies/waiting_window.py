"""Waiting window: one label per click, as seen when the window ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.base import Windowed
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox


@policy("waiting-window")
class WaitingWindow(Windowed):
    """Deliver once, after the observation window, with the label seen by then; never correct it."""

    def on_click(self, at: At, out: Outbox) -> None:
        out.timer(at, after=self.window)

    def on_timer(self, at: At, out: Outbox) -> None:
        out.deliver(at, converted=at.journey.paid, role="observed")
