"""Logs whose future, after some instant, is another one."""

from __future__ import annotations

import numpy as np

from simulator.log.memory import MemoryLog
from simulator.log.schema import EventBatch, Kind
from simulator.log.source import Source
from simulator.randomness import generator


def in_memory(
    source: Source, start: int, until: int, *, events_until: int | None = None, features: bool = True
) -> MemoryLog:
    """Read a part of a log into arrays; events of earlier clicks are left out.

    Events are read as they became known up to ``events_until``, or as far as the clicks.
    """
    clicks = list(source.clicks(start, until, features=features))
    first = clicks[0].row if clicks else 0
    event = EventBatch.concatenate(
        list(source.events(start, until if events_until is None else events_until))
    )
    event = event[event.row >= first]
    if not clicks:
        none = np.empty(0, np.int64)
        return MemoryLog(none, none, event, None, 0, source.features)
    matrix = np.concatenate([c.features for c in clicks])
    click_id, time = np.concatenate([c.click_id for c in clicks]), np.concatenate([c.time for c in clicks])
    return MemoryLog(click_id, time, event, matrix, first, source.features)


def without_future(log: MemoryLog, cut: int, keep: EventBatch | None = None) -> MemoryLog:
    """Drop clicks after ``cut`` and events that became known after it, except for the events to ``keep``."""
    clicks = int(np.searchsorted(log.click_time, cut, side="right"))
    event = log.event[: int(np.searchsorted(log.event.arrival, cut, side="right"))]
    if keep is not None and len(keep):
        event = EventBatch.concatenate([event, keep]).in_order()
    matrix = None if log.feature_matrix is None else log.feature_matrix[:clicks]
    return MemoryLog(
        log.click_id[:clicks], log.click_time[:clicks], event, matrix, log.first_row, log.features
    )


def scrambled(log: MemoryLog, cut: int, until: int, seed: int) -> MemoryLog:
    """Give every event that became known after ``cut`` another time after it, another kind and another amount.

    Where that is not when it happened, it happened at any time before, from its click on.
    """
    rng = generator(seed, "audit", cut)
    events = log.event
    future = events.arrival > cut
    n = int(np.count_nonzero(future))
    time, kind, amount = events.time.copy(), events.kind.copy(), events.amount.copy()
    arrival = events.arrival.copy() if events.late else time
    arrival[future] = rng.integers(cut + 1, max(until, cut + 2), n)
    kind[future] = rng.choice(np.array([Kind.CART, Kind.PAY, Kind.REFUND], np.uint8), n)
    amount[future] = np.round(rng.gamma(2, 30, n), 2)
    if events.late:
        clicked = log.click_time[np.minimum(events.row - log.first_row, len(log.click_time) - 1)]
        since = np.minimum(np.minimum(clicked, events.time), arrival)[future]
        time[future] = since + (rng.random(n) * (arrival[future] - since + 1)).astype(np.int64)
    event = EventBatch(events.row, events.event_id, time, kind, amount, arrival).in_order()
    matrix = log.feature_matrix
    if matrix is not None:
        later = np.flatnonzero(log.click_time > cut)
        matrix = matrix.copy()
        matrix[later] = matrix[rng.permutation(later)]
    return MemoryLog(log.click_id, log.click_time, event, matrix, log.first_row, log.features)
