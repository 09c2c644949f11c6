"""Where a rising function crosses zero."""

from __future__ import annotations

from collections.abc import Callable


def crossing(rising: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of ``rising`` between ``low`` and ``high`` (Brent 1973), or the nearer end where it has none there."""
    from scipy.optimize import brentq

    if rising(low) >= 0:
        return low
    return high if rising(high) <= 0 else float(brentq(rising, low, high))
