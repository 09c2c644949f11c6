"""The total order of what happens to a journey at one instant."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from simulator.engine import Engine
from simulator.log.schema import Kind
from simulator.units import HOUR
from simulator.windows import Windows
from tests.simulator.engine.replay import log_of
from tests.simulator.hooks import EveryHook

END = 10 * HOUR
ORDER = ["click", "cart", "pay", "refund", "timer", "close", "segment"]


class Everything(EveryHook):
    """Delivers at every hook, under its name."""

    def on_click(self, at, out):
        super().on_click(at, out)
        out.timer(at, until=END)

    def on_segment(self, at, out):
        self._say(at, out, "segment")

    def _say(self, at, out, role):
        out.deliver(at, converted=at.journey.paid, role=role)


class Counting(Everything):
    """Also remembers how many hooks each journey saw, so that it is called in its order, and delivers that."""

    own: ClassVar = {"seen": ("int32", 0)}

    def _say(self, at, out, role):
        out.deliver(at, gmv=at.own["seen"].astype(float), role=role)
        at.own["seen"] = at.own["seen"] + 1


@pytest.mark.parametrize("policy", [Everything(), Counting()])
@pytest.mark.parametrize("tick", [HOUR, 7 * HOUR])
def test_the_order_of_one_instant(policy, tick):
    """Click, events by kind, timers, the window's closing, the end of the segment: at 10:00 all of them meet."""
    # Ids of events run against the order of their kinds.
    events = [(0, END, kind, 1.0) for kind in (Kind.REFUND, Kind.PAY, Kind.CART)]
    log = log_of([END - 3 * HOUR, END], events)
    engine = Engine(log, Windows(3 * HOUR, HOUR), {"p": policy}, start=0)
    found = []
    for edge in sorted({*range(tick, END, tick), END + 1}):
        samples = engine.advance(edge, segment_end=edge == END + 1).samples["p"]
        found += [
            (int(c), r, v) for c, r, v in zip(samples.click_id, samples.role_names, samples.gmv, strict=True)
        ]
    first = [role for click, role, _ in found if click == 1]
    assert first == ORDER
    assert [role for click, role, _ in found if click == 2] == ["click", "timer", "segment"]
    at_the_end = [role for _, role, _ in found[1:]]
    assert at_the_end == sorted(at_the_end, key=ORDER.index)
    if isinstance(policy, Counting):
        np.testing.assert_array_equal([seen for click, _, seen in found if click == 1], np.arange(7.0))
