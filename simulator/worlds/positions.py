"""Positions of what is shown: how clicks are spread over them, and who sees so far."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64, Int64


def position_shares(count: int) -> Float64:
    """Return the share of clicks at each of ``count`` positions, which are ``count`` times a squared uniform."""
    shares: Float64 = np.diff(np.sqrt(np.arange(count + 1) / count))
    return shares


def uniform_of(position: Int64, count: int) -> Float64:
    """Return a uniform whose square, times ``count``, lies at the position."""
    uniform: Float64 = np.sqrt((position + 0.5) / count)
    return uniform


def seen_at(strength: float, count: int) -> Float64:
    """Return with which chance what is shown at each of ``count`` positions is seen."""
    seen: Float64 = np.exp(-strength * np.arange(count) / max(count - 1, 1))
    return seen


def highest_rate(strength: float, count: int) -> float:
    """Return the clicks per impression of a world in which everybody clicks whatever he sees."""
    return float(1 / (position_shares(count) / seen_at(strength, count)).sum())
