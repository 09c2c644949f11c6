"""Whether rows ascend strictly, as those of a log in replay order do."""

from __future__ import annotations

from simulator.log.schema import Int64, UInt8


def last_in_order(last: tuple[int, ...], *keys: Int64 | UInt8) -> tuple[int, ...] | None:
    """Return the last key of rows that ascend strictly by ``keys`` from the key ``last`` on; None if they do not.

    Examples
    --------
    >>> import numpy as np
    >>> time, ids = np.array([5, 5, 7]), np.array([1, 2, 1])
    >>> last_in_order((), time, ids), last_in_order((5, 1), time, ids), last_in_order((), ids, time)
    ((7, 1), None, None)
    """
    later = keys[0][1:] > keys[0][:-1]
    if not later.all():  # as it may be only where keys tie
        later = keys[-1][1:] > keys[-1][:-1]
        for key in reversed(keys[:-1]):
            later = (key[1:] > key[:-1]) | ((key[1:] == key[:-1]) & later)
    if (last and tuple(int(key[0]) for key in keys) <= last) or not later.all():
        return None
    return tuple(int(key[-1]) for key in keys)
