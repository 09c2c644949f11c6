"""Queues hand out what came in, however it was cut, and forget what was taken."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.log.schema import EventBatch
from simulator.pieces import RowQueue, TimeQueue

CUTS = st.lists(st.integers(0, 40), max_size=12).map(sorted)


def blocks(first: int, stop: int, cuts: list[int]) -> list[tuple[int, dict[str, np.ndarray]]]:
    edges = [first, *(min(first + c, stop) for c in cuts), stop]
    return [(a, {"x": np.arange(a, b) * 10.0}) for a, b in pairwise(edges)]


@given(CUTS, CUTS, st.integers(0, 5), st.booleans())
def test_rows_come_out_as_they_went_in(cut_in, cut_out, gap, pulled):
    first, stop = 100, 140
    made = blocks(first, stop, cut_in)
    queue = RowQueue("x", iter(made)) if pulled else RowQueue("x")
    if not pulled:
        for row, columns in made:
            queue.push(row, columns)
    at = first
    for cut in [*cut_out, 40]:
        begin, until = min(at + gap, first + cut), first + cut
        taken = queue.take(until, begin)
        if until > begin:
            np.testing.assert_array_equal(taken["x"], np.arange(begin, until) * 10.0)
        at = max(at, until)


@given(CUTS, st.lists(st.integers(0, 39), min_size=1), st.integers(0, 39))
def test_rows_are_found_wherever_they_lie_and_stay(cut_in, asked, dropped):
    queue = RowQueue("x", iter(blocks(100, 140, cut_in)))
    rows = np.array([row + 100 for row in asked])
    np.testing.assert_array_equal(queue.of(rows)["x"], rows * 10.0)
    queue.drop(100 + dropped)
    kept = rows[rows >= 100 + dropped]
    if len(kept):
        np.testing.assert_array_equal(queue.of(kept)["x"], kept * 10.0)
    if rows.min() < queue.start:
        with pytest.raises(ValueError, match=f"row {rows.min()} was asked for, rows begin at {queue.start}"):
            queue.of(rows)


def test_rows_that_are_not_there_are_named():
    queue = RowQueue("labels", iter(blocks(3, 5, [])))
    with pytest.raises(ValueError, match="labels: rows up to 7 were asked for, there are rows up to 5"):
        queue.take(7)
    with pytest.raises(ValueError, match="got row 9 after row 4"):
        queue.push(9, {"x": np.zeros(1)})
    with pytest.raises(ValueError, match="one length"):
        queue.push(5, {"x": np.zeros(1), "y": np.zeros(2)})


def events(time: np.ndarray) -> EventBatch:
    batch = EventBatch.empty()
    n = len(time)
    columns = {name: np.zeros(n, column.dtype) for name, column in batch.arrays().items()}
    return EventBatch(**{**columns, "time": time, "event_id": np.arange(n)})


@given(st.lists(st.integers(0, 30), max_size=40).map(sorted), CUTS, CUTS, st.booleans())
def test_instants_come_out_before_the_instant_that_is_asked_for(times, cut_in, cut_out, pulled):
    whole = events(np.array(times, np.int64))
    edges = [0, *(min(c, len(times)) for c in cut_in), len(times)]
    parts = [whole[a:b] for a, b in pairwise(edges)]
    queue = TimeQueue(parts if pulled else ())
    for part in () if pulled else parts:
        queue.push(part)
    seen = []
    for until in [*cut_out, 99]:
        taken = queue.take(until)
        for part in taken:
            assert len(part)
            assert part.time.max() < until
            seen += part.event_id.tolist()
        assert len(seen) == np.count_nonzero(whole.time < max([until, *[c for c in cut_out if c <= until]]))
    assert seen == list(range(len(times)))
