"""Users in groups at random, by whose differences one tells how far the facts of a log are known."""

from __future__ import annotations

import numpy as np

from simulator.log.reader import Log
from simulator.log.schema import Int64, UInt8

_BITS = 5
GROUPS = 1 << _BITS
"""Groups of users. Of 32, the standard error that they give is itself known to an eighth."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio, whose multiples lie evenly in all groups, of consecutive ids too (Knuth, TAOCP 3, 6.4)."""


def group_of(user: Int64) -> UInt8:
    """Return the group of each user, 0 to GROUPS - 1."""
    found: UInt8 = ((user.astype(np.uint64) * _GOLDEN) >> np.uint64(64 - _BITS)).astype(np.uint8)
    return found


def group_of_rows(log: Log) -> UInt8:
    """Return the group of the user of each click, by row: one byte a click."""
    found: UInt8 = np.empty(log.meta.clicks, np.uint8)
    for row, ids in log.ids():
        found[row : row + len(ids["user_id"])] = group_of(ids["user_id"])
    return found
