"""A source that is not sorted, has gaps or repeats itself is refused by the engine, whoever it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.engine import Engine
from simulator.errors import LogError
from simulator.log.memory import random_log
from simulator.log.schema import ClickBatch, EventBatch
from simulator.policies import policy_from
from simulator.randomness import generator
from simulator.units import DAY, HOUR
from simulator.windows import Windows

WINDOWS = Windows(DAY, DAY, DAY)
LOG = random_log(generator(5, "log"), 120, WINDOWS, days=3)
LATE = random_log(generator(5, "log"), 120, WINDOWS, days=3, lag=DAY)


class Given:
    """Gives what it is told to, in the batches that it is told."""

    features = ()
    has_impressions = False

    def __init__(self, clicks, events):
        self._clicks, self._events = clicks, events

    def clicks(self, start=None, end=None, *, features=True, batch_rows=0):
        yield from self._clicks

    def events(self, start=None, end=None, *, batch_rows=0):
        yield from self._events


def replay(clicks=None, events=None, tick=5 * HOUR):
    clicks = list(LOG.clicks(batch_rows=50)) if clicks is None else clicks
    events = [LOG.event] if events is None else events
    engine = Engine(Given(clicks, events), WINDOWS, {"p": policy_from("fake-negative")}, start=0)
    for edge in range(tick, 9 * DAY, tick):
        engine.advance(edge)


def moved(batch, order):
    return ClickBatch(batch.row, batch.click_id[order], batch.time[order], batch.features[order])


def swapped(n, k):
    order = np.arange(n)
    order[[k, k + 1]] = order[[k + 1, k]]
    return order


A, B, C = LOG.clicks(batch_rows=50)
TICKS = pytest.mark.parametrize("tick", [HOUR, 5 * HOUR, 9 * DAY - 1])


@TICKS
def test_what_is_in_order_is_taken(tick):
    replay(tick=tick)
    replay(list(LATE.clicks()), [LATE.event[:40], LATE.event[40:]], tick)


@TICKS
@pytest.mark.parametrize(
    ("clicks", "told"),
    [
        ([A, C], r"the source gives click 100 after click 49: clicks between them are missing"),
        ([A, B, B, C], r"the source gives click 50 after click 99: clicks between them come twice"),
        ([A, replace(C, row=50)], None),
        ([B, replace(A, row=100)], r"the source gives clicks out of order|a row of clicks of day"),
        ([A, moved(B, np.arange(50)[::-1]), C], r"out of order|a row of clicks of day"),
        ([A, moved(B, swapped(50, 20)), C], r"out of order|a row of clicks of day"),
        ([A, replace(B, time=np.full(50, B.time[0]), click_id=np.full(50, 7)), C], r"clicks out of order"),
    ],
    ids=["gap", "twice", "renumbered", "batches", "reversed", "swapped", "repeated"],
)
def test_clicks_in_another_order_are_refused(clicks, told, tick):
    if told is None:
        replay(clicks, tick=tick)
        return
    with pytest.raises(LogError, match=told):
        replay(clicks, tick=tick)


EVENT = LOG.event


@TICKS
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("how", ["twice", "swapped", "batches", "one again"])
def test_events_in_another_order_are_refused(how, late, tick):
    log = LATE if late else LOG
    event, n = log.event, len(log.event)
    k = int(np.flatnonzero(np.diff(event.arrival) > 0)[30])
    events = {
        "twice": [event[:k], event[:k]],
        "swapped": [event[swapped(n, k)]],
        "batches": [event[k + 1 :], event[: k + 1]],
        "one again": [event[: k + 1], event[k : k + 1], event[k + 1 :]],
    }[how]
    assert isinstance(events[0], EventBatch)
    with pytest.raises(LogError, match=r"the source gives events out of order|a row of events of"):
        replay(list(log.clicks()), events, tick)


def test_a_tie_is_settled_by_the_id():
    """Of clicks of one instant the lesser id comes first; of events the lesser kind, then the lesser id."""
    time, ids = np.array([5, 5, 5]) * HOUR, np.array([1, 3, 2])
    none = np.empty((3, 0), np.int32)
    with pytest.raises(
        LogError, match=r"clicks out of order near day 0 05:00:00, or some twice; allowed: sorted"
    ):
        replay([ClickBatch(0, ids, time, none)], [])
    replay([ClickBatch(0, np.sort(ids), time, none)], [])


def test_a_fork_goes_on_where_its_twin_stood():
    """What follows the fork must follow what was before it."""
    policies = {"p": policy_from("fake-negative")}
    engine = Engine(LOG, WINDOWS, policies, start=0)
    engine.advance(DAY)
    engine.fork(LOG).advance(2 * DAY)
    behind = replace(LOG, first_row=7)
    with pytest.raises(LogError, match="are missing; allowed: every click once, row after row"):
        engine.fork(behind).advance(2 * DAY)
