"""What changes from day to day: mean-reverting effects that a learner can follow, and a walk of the common
level.
"""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64
from simulator.randomness import generator
from simulator.units import DAY
from simulator.worlds.constants import TASTE_RANK
from simulator.worlds.settings import WorldSettings

CONTEXT_FIELDS = ("session_depth", "page", "position", "scenario", "device")


class DriftingEffects:
    """State of all drifting parts on one day; `advance` takes it to the next. Starts in the stationary law.

    ``category`` and ``refund`` have shape (categories,), ``taste`` (categories, rank), ``context`` one array
    a field.
    """

    def __init__(self, settings: WorldSettings, seed: int) -> None:
        self._settings, self._seed, self.day = settings, seed, 0
        sizes, drift = settings.sizes(), settings.drift
        fields = [sizes[name] for name in CONTEXT_FIELDS]
        self._spreads = [drift.category, drift.taste, drift.refund] + [drift.context] * len(fields)
        memories = [drift.category_memory, drift.taste_memory, drift.refund_memory]
        self._keeps = [
            float(np.exp(-DAY / memory)) for memory in memories + [drift.context_memory] * len(fields)
        ]
        categories = sizes["category"]
        self._shapes = [(categories,), (categories, TASTE_RANK), (categories,), *((size,) for size in fields)]
        self._parts = [spread * draw for spread, draw in zip(self._spreads, self._draw(), strict=True)]
        self.level = 0.0

    @property
    def category(self) -> Float64:
        return self._parts[0]

    @property
    def taste(self) -> Float64:
        return self._parts[1]

    @property
    def refund(self) -> Float64:
        return self._parts[2]

    @property
    def context(self) -> list[Float64]:
        return self._parts[3:]

    def advance(self) -> None:
        """Go to the next day: x <- keep x + sqrt(1 - keep^2) sd z."""
        self.day += 1
        for i, (draw, spread, keep) in enumerate(zip(self._draw(), self._spreads, self._keeps, strict=True)):
            self._parts[i] = keep * self._parts[i] + np.sqrt(1 - keep * keep) * spread * draw
        step = generator(self._seed, "world", "drift", "level", self.day).standard_normal()
        self.level += self._settings.drift.level * step

    def _draw(self) -> list[Float64]:
        return [
            generator(self._seed, "world", "drift", part, self.day).standard_normal(shape)
            for part, shape in enumerate(self._shapes)
        ]
