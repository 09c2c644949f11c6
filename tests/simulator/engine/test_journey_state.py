"""What a policy sees of a journey at any instant is what a recount of all that is known by then says."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from simulator.engine.journeys import ARRIVED, STATE
from simulator.log.memory import random_log
from simulator.log.schema import Kind
from simulator.policies import Policy
from simulator.randomness import generator
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.simulator.engine.replay import replay
from tests.simulator.engine.slow import Event, Journey

DELAYS = (0, MINUTE, 3 * HOUR, 11 * HOUR, DAY, DAY + 7 * HOUR, 2 * DAY)
DERIVED = ("carted", "paid", "first_pay", "refunded", "net_gmv")
NAMES = (*STATE, *ARRIVED, *DERIVED)


class Watcher(Policy):
    """Delivers all that it sees, some delays after each click."""

    carries: ClassVar = {f"seen_{name}": "float64" for name in NAMES}

    def on_click(self, at, out):
        for delay in DELAYS:
            out.timer(at, until=at.time + min(delay, at.windows.lifetime))

    def on_timer(self, at, out):
        seen = {f"seen_{name}": getattr(at.journey, name).astype(float) for name in NAMES}
        out.deliver(at, converted=at.journey.paid, role="seen", **seen)


def recount(windows, clicked, events, now):
    """Work the state out of the events that are known, one after the other."""
    journey = Journey(0, clicked, windows)
    state = {name: value for name, (_, value) in STATE.items()} | dict.fromkeys(ARRIVED, -1)
    for event in events:
        if event.arrival > now:
            break
        paid, gmv, last = len(journey.pays), journey.gmv, journey.pays[-1][0] if journey.pays else -1
        journey.learn(event)
        if event.kind == Kind.CART and journey.inside(event):
            first = event.time if state["cart_time"] < 0 else min(state["cart_time"], event.time)
            state |= {"cart_count": state["cart_count"] + 1, "cart_time": first}
        if len(journey.pays) > paid:
            state |= {"previous_gmv": gmv, "previous_pay_time": last, "last_pay_arrival": event.arrival}
            state["first_pay_arrival"] = state["first_pay_arrival"] if paid else event.arrival
    pays, refunds = journey.pays, journey.refunds
    state |= {"pay_count": len(pays), "gmv": journey.gmv, "refund_count": len(refunds)}
    state |= {"first_pay_time": pays[0][0], "last_pay_time": pays[-1][0]} if pays else {}
    state["refund_amount"] = sum(amount for _, amount in refunds)
    state["first_refund_time"] = refunds[0][0] if refunds else -1
    state |= {"carted": state["cart_count"] > 0, "paid": bool(pays), "first_pay": len(pays) == 1}
    return state | {"refunded": bool(refunds), "net_gmv": state["gmv"] - state["refund_amount"]}


@pytest.mark.parametrize(
    ("windows", "lag"),
    [
        (Windows(DAY, DAY), 0),
        (Windows(2 * HOUR, DAY), 0),
        (Windows(DAY, 8 * HOUR, 6 * HOUR, "exclusive"), 6 * HOUR),
        (Windows(DAY, DAY, 2 * DAY), 2 * DAY),
    ],
)
@pytest.mark.parametrize("tick", [HOUR, DAY])
def test_every_instant_of_a_journey_is_a_recount(windows, lag, tick):
    log = random_log(generator(11, "log"), 200, windows, days=3, lag=lag)
    until = int(log.click_time[-1]) + windows.lifetime + 1
    samples = replay(log, windows, {"p": Watcher()}, until, tick)["p"]
    assert len(samples) > 900
    happened: dict[int, list[Event]] = {}
    for row, *event in zip(
        *(getattr(log.event, n).tolist() for n in ("row", "time", "kind", "event_id", "amount", "arrival")),
        strict=True,
    ):
        happened.setdefault(row, []).append(Event(*event))
    wanted = [
        recount(windows, int(log.click_time[row]), happened.get(row, []), now)
        for row, now in zip(samples.row.tolist(), samples.visible_time.tolist(), strict=True)
    ]
    for name in NAMES:
        np.testing.assert_allclose(
            samples.column(f"seen_{name}"), [state[name] for state in wanted], atol=1e-9, err_msg=name
        )
    assert len(np.unique(samples.column("seen_pay_count"))) > 2
