"""Several looks at every click: what it has shown so far, at fixed ages and at the close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from learners.trajectory.horizons import AGES, Ages, ages_inside
from simulator.policies.base import Policy
from simulator.policies.registry import policy

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox
    from simulator.log.schema import Float64


@policy("trajectory")
class Trajectory(Policy):
    """Deliver every click at fixed ages (role "open") and when its attribution window closes ("final"), each time with all that
    it has shown by then: the states of all horizons so far (TRACE, SIGIR 2026; GDFM, NeurIPS 2022).

    Horizon h is the h-th age, the close is the last. ``horizon`` is that of the delivery, ``paid_from`` and ``carted_from`` the
    first one by which a pay, or a cart, was known; null where none is. ``converted`` is the pay so far.
    """

    delivers_final = True
    labels = ("converted",)
    own = {"paid_from": ("float64", np.nan), "carted_from": ("float64", np.nan)}
    carries = {"horizon": "float64", "paid_from": "float64", "carted_from": "float64"}

    ages: Ages = AGES  # type: ignore[assignment]
    """Ages at which a click is looked at; those that the attribution window does not reach are left out."""

    def on_click(self, at: At, out: Outbox) -> None:
        for horizon, age in enumerate(ages_inside(self.ages, at.windows.attribution), 1):
            out.timer(at, after=age, tag=horizon)

    def on_timer(self, at: At, out: Outbox) -> None:
        self._look(at, at.tag.astype(np.float64), "open", out)

    def on_close(self, at: At, out: Outbox) -> None:
        last = len(ages_inside(self.ages, at.windows.attribution)) + 1.0
        self._look(at, np.full(len(at), last), "final", out)

    def _look(self, at: At, horizon: Float64, role: str, out: Outbox) -> None:
        for name, seen in (("paid_from", at.journey.paid), ("carted_from", at.journey.carted)):
            first = at.own[name]
            at.own[name] = np.where(np.isnan(first) & seen, horizon, first)
        known = {name: np.array(at.own[name]) for name in self.own}
        out.deliver(at, converted=at.journey.paid, role=role, horizon=horizon, **known)
