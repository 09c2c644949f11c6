"""The published facts of a preset as the matching wants them: names, targets, tolerances by what they start with."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64
from simulator.units import HOUR, parse_duration
from simulator.worlds.targets import TARGETS


class Facts:
    """Facts of a preset whose names start with any of ``prefixes``, in their order.

    Attributes
    ----------
    names : the facts' own names.
    keys : what follows the prefix: an age, a bin, an hour.
    targets, tolerances : shape (n,).
    """

    def __init__(self, preset: str, *prefixes: str, skip: str = "\0") -> None:
        rows = [
            (row, row.fact.removeprefix(prefix))
            for prefix in prefixes
            for row in TARGETS[preset].rows
            if row.fact.startswith(prefix) and not row.fact.removeprefix(prefix).startswith(skip)
        ]
        self.names = [row.fact for row, _ in rows]
        self.keys = [key for _, key in rows]
        self.targets: Float64 = np.array([row.value for row, _ in rows])
        self.tolerances: Float64 = np.array([row.tolerance for row, _ in rows])

    def ages(self) -> list[float]:
        """Return the keys, which are durations, in hours."""
        return [parse_duration(key) / HOUR for key in self.keys]
