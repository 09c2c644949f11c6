"""Pending timers against a plain list of them that is sorted."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.engine.timers import TimerBatch, Timers

TIMER = st.tuples(st.integers(-25, 60), st.integers(0, 3), st.integers(0, 2))
"""When it is due, of which click, with which tag."""


def batch(timers: list[tuple[int, int, int]]) -> TimerBatch:
    time, click, tag = np.array(timers, np.int64).reshape(-1, 3).T
    return TimerBatch(click + 100, click, time, tag.astype(np.int32))


def rows(timers: TimerBatch) -> list[tuple[int, ...]]:
    columns = (timers.time, timers.click_id, timers.tag, timers.row)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(st.lists(st.tuples(st.lists(TIMER, max_size=8), st.integers(-30, 70)), max_size=6))
def test_due_timers_come_by_time_click_and_tag(rounds: list[tuple[list[tuple[int, int, int]], int]]) -> None:
    timers, plain = Timers(bucket=10), list[tuple[int, ...]]()
    for added, until in rounds:
        timers.add(batch(added))
        plain = sorted([*plain, *((*timer, timer[1] + 100) for timer in added)])
        assert rows(timers.take(until)) == [timer for timer in plain if timer[0] < until]
        plain = [timer for timer in plain if timer[0] >= until]


def test_timers_are_sorted_wherever_they_are_out_of_order() -> None:
    assert rows(batch([(1, 0, 0), (3, 0, 0), (2, 0, 0)]).in_order()) == [
        (1, 0, 0, 100),
        (2, 0, 0, 100),
        (3, 0, 0, 100),
    ]
    assert rows(batch([(1, 1, 0), (1, 0, 1), (1, 0, 0)]).in_order()) == [
        (1, 0, 0, 100),
        (1, 0, 1, 100),
        (1, 1, 0, 101),
    ]
