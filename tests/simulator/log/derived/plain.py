"""Derived features as one would say them: a loop over everything that happened, for every click."""

import numpy as np

from simulator.calendar import Calendar
from simulator.log.derived.make import Setting, derive
from simulator.log.reader import Log
from simulator.log.schema import Kind, column_slices
from simulator.scenario.derived import DerivedBlock

USERS, ITEMS = 7, 5
KIND = {"cart": Kind.CART, "pay": Kind.PAY}


def setting(blocks, history=(0, 0), calendar=None, upload=None):
    blocks = {name: DerivedBlock(**block) for name, block in blocks.items()}
    return Setting(blocks, history, calendar or Calendar(), upload)


def derived(source, out, blocks, *, seen=None, **told):
    """Derive features of the log at ``source``; return the derived log, and each feature of its clicks by name."""
    log = Log.open(source)
    derive(log, seen or log, setting(blocks, **told), out)
    made = Log.open(out)
    return made, of_clicks(made)


def columns(features, parts):
    """Return the columns of every feature by name."""
    matrix = np.concatenate([part.features for part in parts])
    slices = column_slices(features)
    return {feature.name: matrix[:, part] for feature, part in zip(features, slices, strict=True)}


def of_clicks(log):
    return columns(log.features, log.clicks())


def happened(log, event):
    """Return (instant at which it became known, row of its click) of everything of a kind, in replay order."""
    if event == "click":
        return [(int(time), row) for row, time in enumerate(log.click_time)]
    known = zip(log.event.arrival, log.event.row, log.event.kind, strict=True)
    return [(int(arrival), int(row)) for arrival, row, kind in known if kind == KIND[event]]


def latest(log, event, longest, values, asked, users=USERS):
    """Return what is listed for each of ``asked``, pairs of an instant and a user."""
    events = happened(log, event)
    rows = []
    for time, user in asked:
        mine = [values[row] for arrival, row in events if arrival < time and row % users == user]
        rows.append([*mine[::-1][:longest], *[-1] * (longest - len(mine))])
    return np.array(rows, np.int32).reshape(len(asked), longest)


def counted(log, event, over, asked, items=ITEMS):
    """Return how many events each of ``asked``, pairs of an instant and an item, had in the time before."""
    events = happened(log, event)
    return np.array(
        [
            sum(time - over <= arrival < time and row % items == item for arrival, row in events)
            for time, item in asked
        ]
    )


def edges(counts, bins):
    """Return the least counts that a share of k / bins of the clicks does not exceed, but for 0."""
    ordered = sorted(counts)
    found = {ordered[-(-k * len(ordered) // bins) - 1] for k in range(1, bins)} if ordered else set()
    return sorted(found - {0})


def binned(counts, at):
    return np.array([sum(edge <= count for edge in at) for count in counts], np.int32)
