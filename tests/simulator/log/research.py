"""Logs that fit the research formats, and what of a log survives them."""

import numpy as np

from simulator.log.memory import random_log
from simulator.log.reader import Log
from simulator.log.schema import Feature, Kind
from simulator.log.writer import LogWriter
from simulator.units import DAY, SECOND
from simulator.windows import Windows

from .logs import ORIGIN, gather

WINDOWS = Windows(2 * DAY, 2 * DAY)


def write_log(path, seed, sizes, *, clicks=120, grid=SECOND, kinds=(Kind.CART, Kind.PAY, Kind.REFUND)):
    """Write a random log whose features have these sizes and whose journeys are valid; return it, opened."""
    rng = np.random.default_rng(seed)
    log = random_log(rng, clicks, WINDOWS, days=6, grid=grid)
    matrix = np.column_stack([rng.integers(0, size, clicks) for size in sizes.values()]).astype(np.int32)
    keep = np.isin(log.event.kind, kinds)
    event = log.event[keep]
    # A refund needs an earlier pay and may not exceed it: drop the others, and refund next to nothing.
    first_pay = np.full(clicks, np.iinfo(np.int64).max)
    pays = event.kind == Kind.PAY
    np.minimum.at(first_pay, event.row[pays], event.time[pays])
    event = event[(event.kind != Kind.REFUND) | (event.time >= first_pay[event.row])]
    event.amount = np.where(event.kind == Kind.REFUND, 1e-6, event.amount)
    features = tuple(Feature(name, size) for name, size in sizes.items())
    with LogWriter(path, name="random", origin=ORIGIN, features=features) as writer:
        ids = np.arange(clicks)
        writer.clicks(time=log.click_time, user_id=ids % 7, item_id=ids % 5, features=matrix)
        writer.events(row=event.row, time=event.time, kind=event.kind, amount=event.amount)
        writer.close(20 * DAY)
    return Log.open(path)


def journeys(log):
    """Click times, features by name, and per click its pays [(time, amount)] and refund times, in order."""
    time, matrix = gather(log.clicks(), "time", "features")
    pays, refunds = [[] for _ in time], [[] for _ in time]
    for batch in log.events():
        for row, when, kind, amount in zip(
            batch.row.tolist(), batch.time.tolist(), batch.kind.tolist(), batch.amount.tolist(), strict=True
        ):
            if kind == Kind.PAY:
                pays[row].append((when, amount))
            elif kind == Kind.REFUND:
                refunds[row].append(when)
    named = {feature.name: matrix[:, k] for k, feature in enumerate(log.features)}
    return time, named, pays, refunds


def ranks(values):
    """Number values in order of first appearance."""
    seen = {}
    return [seen.setdefault(value, len(seen)) for value in values]


def seconds(time):
    return time // SECOND * SECOND
