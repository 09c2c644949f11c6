"""Whose turn it is: the lane that the replay waits for, else the one that has waited longest, and a turn is not cut short."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from time import sleep

import pytest

from simulator.pipeline.lanes import Lane, Turns


@pytest.fixture
def one_thread():
    with ThreadPoolExecutor(1) as pool:
        yield Turns(pool)


def written(order, word):
    return lambda: order.append(word)


def begun(turns):
    """Three lanes with two tasks each, the first of which has a thread and waits for the door."""
    lanes, order, door = {name: Lane(turns, name) for name in "abc"}, [], Event()
    lanes["a"].submit(lambda: (door.wait(), order.append("a1")))
    for name, lane in lanes.items():
        for k in (1, 2):
            if (name, k) != ("a", 1):
                lane.submit(written(order, f"{name}{k}"))
    return lanes, order, door


def done(last, door):
    """Open the door and wait until a lane has come to its end; whoever joined it would be waiting for it."""
    ended = Event()
    last.submit(ended.set)
    door.set()
    assert ended.wait(10)


def test_a_thread_stays_with_a_lane_while_nobody_is_waited_for(one_thread):
    lanes, order, door = begun(one_thread)
    done(lanes["c"], door)
    assert order == ["a1", "a2", "b1", "b2", "c1", "c2"]


def test_the_lane_that_is_waited_for_comes_first(one_thread):
    lanes, order, door = begun(one_thread)
    waiter = Thread(target=lanes["c"].join)
    waiter.start()
    while not lanes["c"].awaited:
        sleep(0.001)
    done(lanes["a"], door)
    waiter.join(10)
    assert order == ["a1", "c1", "c2", "b1", "b2", "a2"]
    assert not lanes["c"].awaited


def test_a_lane_that_is_asked_at_every_segments_end_comes_first_before_anybody_waits(one_thread):
    lanes, order, door = begun(one_thread)
    lanes["c"].asked = True
    done(lanes["a"], door)
    assert order == ["a1", "c1", "c2", "b1", "b2", "a2"]


def test_an_error_ends_its_lane_alone(one_thread):
    lanes, order, door = begun(one_thread)

    def fail():
        raise ValueError("no")

    lanes["b"].submit(fail)
    lanes["b"].submit(written(order, "never"))
    door.set()
    with pytest.raises(ValueError, match="no"):
        lanes["b"].join()
    lanes["b"].submit(written(order, "never"))
    lanes["a"].join()
    lanes["c"].join()
    assert sorted(order) == ["a1", "a2", "b1", "b2", "c1", "c2"]
