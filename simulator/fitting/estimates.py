"""What is estimated of ``[world]``: values by their place, what to say of each, and how they are rounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.log.facts.sheet import FactSheet
from simulator.log.schema import Float64
from simulator.units import DAY, HOUR

RAREST = 1e-6
"""A rate of an event that the log does not have; the settings want more than zero."""
SUREST = 0.98

Key = tuple[str, ...]


@dataclass(slots=True)
class Estimates:
    """Values by their place in ``[world]`` and what to say of each; ``promotion`` is a list of tables."""

    sheet: FactSheet
    values: dict[Key, Any] = field(default_factory=dict)
    notes: dict[Key, str] = field(default_factory=dict)
    promotions: list[tuple[dict[Key, Any], dict[Key, str]]] = field(default_factory=list)

    def put(self, path: str, value: Any, note: str = "") -> None:
        """Set a value by its dotted path."""
        key = tuple(path.split("."))
        self.values[key] = value
        if note:
            self.notes[key] = note

    def table(self) -> dict[str, Any]:
        """Return ``[world]`` as plain nested tables."""
        world = nested(self.values)
        if self.promotions:
            world["promotion"] = [nested(values) for values, _ in self.promotions]
        return world


def nested(values: dict[Key, Any]) -> dict[str, Any]:
    """Turn values by path into tables in tables."""
    whole: dict[str, Any] = {}
    for path, value in values.items():
        at = whole
        for part in path[:-1]:
            at = at.setdefault(part, {})
        at[path[-1]] = value
    return whole


def rounded_shares(weights: Float64) -> list[float]:
    """Round shares so that they still sum to 1."""
    shares = [round(float(w), 4) for w in weights]
    largest = int(np.argmax(weights))
    shares[largest] = round(1 - sum(shares[:largest] + shares[largest + 1 :]), 4)
    return shares


def rounded(value: float) -> float:
    """Round to four digits."""
    return float(f"{value:.4g}")


def written_duration(hours: float) -> str:
    """Write hours as a duration of four digits.

    >>> written_duration(0.1151), written_duration(43.98), written_duration(300)
    ('6.906m', '1.833d', '12.5d')
    """
    micros = hours * HOUR
    for unit, size in (("d", DAY), ("h", HOUR), ("m", HOUR // 60), ("s", HOUR // 3600)):
        if micros >= size:
            return f"{float(f'{micros / size:.4g}'):.10g}{unit}"
    return f"{max(round(micros / 1000), 1)}ms"
