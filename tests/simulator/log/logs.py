"""Logs for the tests of this folder."""

from datetime import UTC, datetime

import numpy as np

from simulator.log.memory import random_log
from simulator.log.reader import Log
from simulator.log.schema import Feature
from simulator.log.writer import LogWriter
from simulator.windows import Windows

ORIGIN = datetime(2024, 5, 1, tzinfo=UTC)
FEATURES = tuple(Feature(name, 50) for name in "abc")


def write(path, log, *, truth=None, replace=False):
    """Write a `MemoryLog` in one go; its ids become rows."""
    n = len(log.click_id)
    with LogWriter(
        path, name="random", origin=ORIGIN, features=FEATURES, truth=tuple(truth or ()), replace=replace
    ) as writer:
        columns = {"time": log.click_time, "user_id": np.arange(n) % 7, "item_id": np.arange(n) % 5}
        writer.clicks(**columns, features=log.feature_matrix, truth=truth)
        event = log.event
        known = event.arrival if event.late else None
        writer.events(row=event.row, time=event.time, kind=event.kind, amount=event.amount, arrival=known)
        writer.close(int(max(log.click_time[-1], event.arrival[-1] if len(event) else 0)))
    return Log.open(path)


def small(seed, clicks=200, windows=None):
    return random_log(np.random.default_rng(seed), clicks, windows or Windows())


def gather(batches, *names):
    """Join the named columns of batches."""
    parts = list(batches)
    return [np.concatenate([getattr(part, name) for part in parts]) for name in names]
