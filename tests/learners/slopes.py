"""Slopes of a loss by finite differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np


def slopes_by_difference(
    loss: Callable[[], float], raw: Mapping[str, np.ndarray], step: float = 1e-6
) -> dict[str, np.ndarray]:
    """Return per head the slope of a loss in each of its outputs, which ``loss`` reads from ``raw``."""
    slopes = {}
    for head, values in raw.items():
        slopes[head] = np.zeros(len(values))
        for row, middle in enumerate(values.copy()):
            values[row] = middle + step
            above = loss()
            values[row] = middle - step
            slopes[head][row] = (above - loss()) / (2 * step)
            values[row] = middle
    return slopes
