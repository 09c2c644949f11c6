"""Policies that peek, each in its own way; the audit must catch them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import PrivateAttr

from simulator.evaluation.tasks import TASKS
from simulator.log.schema import Kind
from simulator.policies import Policy


def _will_have_paid(at):
    """What the engine's arrays will hold at the end of the tick."""
    journeys = at._scene.journeys
    return journeys.state["pay_count"][journeys.columns["slot"][at.index]] > 0


class EndOfTick(Policy):
    """Delivers, at the click, what will be true at the end of the tick."""

    def on_click(self, at, out):
        out.deliver(at, converted=_will_have_paid(at))


class Withholds(Policy):
    """Tells no lie, but keeps silent about clicks that will (or will not) have paid by the end of the tick."""

    payers: bool = True

    def on_click(self, at, out):
        out.deliver(at[_will_have_paid(at) != self.payers], converted=False)


class Carries(Policy):
    """Tells of the future in a column of its own alone, by as little as ``least``."""

    carries: ClassVar[dict[str, str]] = {"hint": "float64"}
    least: float = 1.0

    def on_click(self, at, out):
        out.deliver(at, converted=False, hint=1 + self.least * _will_have_paid(at))


class LaterClicks(Policy):
    """Delivers a weight that depends on how many clicks are already in the window."""

    def on_click(self, at, out):
        out.deliver(at, converted=False, weight=float(at._scene.journeys.size))


class Undeclared(Policy):
    """Reads the final labels without saying so."""

    def on_click(self, at, out):
        out.deliver(at, converted=at.future.converted)


OFFLINE: list[Any] = []
"""The log that `ByEventTime` reads past the engine."""


class ByEventTime(Policy):
    """Joins clicks with the log's pays by the times at which they happened, as one does offline."""

    def on_click(self, at, out):
        out.timer(at, after=60 * 60 * 10**6)

    def on_timer(self, at, out):
        (events,) = OFFLINE[0].events()
        pays = events[np.flatnonzero(events.kind == Kind.PAY)]
        happened = [
            bool(np.any(pays.time[pays.row == row] <= now)) for row, now in zip(at.row, at.time, strict=True)
        ]
        out.deliver(at, converted=np.array(happened))


class Remembers(Policy):
    """Tells at a timer whether a pay was seen, by a memory of its own: with the later pays of the tick."""

    _paid: set[int] = PrivateAttr(default_factory=set)

    def on_click(self, at, out):
        out.timer(at, after=60 * 60 * 10**6)

    def on_pay(self, at, out):
        self._paid.update(at.click_id.tolist())

    def on_timer(self, at, out):
        out.deliver(at, converted=np.isin(at.click_id, list(self._paid)))


class Shares(Remembers):
    """The same with a memory that all of its kind share."""

    seen: ClassVar[set[int]] = set()

    def on_pay(self, at, out):
        self.seen.update(at.click_id.tolist())

    def on_timer(self, at, out):
        out.deliver(at, converted=np.isin(at.click_id, list(self.seen)))


MODULE_SEEN: set[int] = set()


class Hides(Remembers):
    """The same with a memory of its module's."""

    def on_pay(self, at, out):
        MODULE_SEEN.update(at.click_id.tolist())

    def on_timer(self, at, out):
        out.deliver(at, converted=np.isin(at.click_id, list(MODULE_SEEN)))


class Averages(Policy):
    """Honest, with a memory that only the ends of segments write: they come in one order in any replay."""

    _last: list[int] = PrivateAttr(default_factory=list)

    def on_segment(self, at, out):
        self._last.append(len(at))  # what the ends of segments say is the same in any replay
        out.deliver(at, converted=False, weight=float(self._last[0]))


class ReadsAll(Policy):
    """Honest: delivers a weight made of every prediction."""

    asks = ("predictions",)

    def on_segment(self, at, out):
        found = at.ask("predictions")
        out.deliver(at, converted=False, weight=1 + sum(found[task] for task in TASKS))


class Misspelt(Policy):
    """Promises to settle, and does not."""

    delivers_final = True

    def on_click(self, at, out):
        out.deliver(at, converted=False)


class CountsPays(Policy):
    """Honest, with memory of its own: delivers how often the journey was seen before, in strict time order."""

    own = {"seen": ("int32", 0)}
    labels = ("gmv",)

    def _see(self, at, out):
        out.deliver(at, gmv=at.own["seen"].astype(float), role="seen")
        at.own["seen"] = at.own["seen"] + 1

    def on_click(self, at, out):
        self._see(at, out)
        out.timer(at, after=20 * 60 * 10**6, tag=0)

    def on_timer(self, at, out):
        self._see(at, out)
        again = at[at.tag < 3]
        for tag in (0, 1, 2):
            out.timer(again[again.tag == tag], after=10 * 60 * 10**6, tag=tag + 1)

    def on_cart(self, at, out):
        self._see(at, out)

    def on_pay(self, at, out):
        self._see(at, out)

    def on_refund(self, at, out):
        self._see(at, out)

    def on_close(self, at, out):
        self._see(at, out)
