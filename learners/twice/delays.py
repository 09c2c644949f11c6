"""Delays in buckets: softmax shares of them, and what their prefix sums say at any age."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64, Int64
from simulator.units import DAY, HOUR, MINUTE

EDGES = (
    *(minutes * MINUTE for minutes in (5, 15, 30)),
    *(hours * HOUR for hours in (1, 2, 4, 8, 16)),
    *(days * DAY for days in (1, 2, 3, 5, 7, 14, 30)),
)
"""Ends of the buckets, in microseconds; a delay at the very end is inside, and what is later than the last is in the last."""
BUCKETS = len(EDGES)
DELAYS = tuple(f"delay_{k}" for k in range(1, BUCKETS + 1))
"""Heads whose softmax are the shares."""
RATES = tuple(f"rate_{k}" for k in range(1, BUCKETS + 1))
"""What the auxiliary says of each bucket's cohort."""
_ENDS = np.array(EDGES, np.float64)
_STARTS = np.array((0, *EDGES[:-1]), np.float64)


def bucket(delay: Float64 | Int64) -> Int64:
    """Return the place of the bucket of each delay (microseconds)."""
    place: Int64 = np.searchsorted(_ENDS, delay, side="left")
    return np.minimum(place, BUCKETS - 1)


def passed(age: Float64 | Int64) -> Float64:
    """Return which part of each bucket lies inside ages (microseconds), shape (buckets, n): delays are even inside a bucket."""
    part: Float64 = (np.asarray(age, np.float64)[None, :] - _STARTS[:, None]) / (_ENDS - _STARTS)[:, None]
    return np.clip(part, 0.0, 1.0)


def bounds(attribution: int) -> Float64:
    """Return the edges of all buckets from 0 on, none beyond the attribution window; the last one reaches to its end."""
    edges = np.array((0, *EDGES[:-1], max(EDGES[-1], attribution)), np.float64)
    return np.minimum(edges, attribution)
