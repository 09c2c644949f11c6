"""Metrics over any number of rows in bounded memory, where they are no mean of those of the segments."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol, Self

import numpy as np

from simulator.evaluation.deciles import Deciles
from simulator.evaluation.task import Outcome
from simulator.log.schema import Float64

CLIP = 0.05
"""Propensities below this count as this: a weight is 20 at most, as in the published entire-space models."""


class Pool(Protocol):
    """What is kept of one method's predictions on one task."""

    def add(self, served: Float64, judged: Outcome) -> None:
        """Enter judged rows."""

    def merge(self, other: Self) -> None:
        """Enter the rows of another."""

    def values(self) -> dict[str, float]:
        """Return its metrics over all rows, by name."""


class Calibration:
    """Calibration against labels, by decile."""

    def __init__(self) -> None:
        self._deciles = Deciles()

    def add(self, served: Float64, judged: Outcome) -> None:
        """Enter judged rows."""
        self._deciles.add(served, judged.label)

    def merge(self, other: Calibration) -> None:
        """Enter the rows of another."""
        self._deciles.merge(other._deciles)

    def values(self) -> dict[str, float]:
        """Return ``decile_error`` and ``ece``."""
        return {"decile_error": self._deciles.error(), "ece": self._deciles.ece()}


class TrueCalibration:
    """Calibration against the true expectations, by decile."""

    def __init__(self) -> None:
        self._deciles = Deciles()

    def add(self, served: Float64, judged: Outcome) -> None:
        """Enter judged rows; without the truth there is nothing to enter."""
        if judged.truth is not None:
            self._deciles.add(served, judged.truth)

    def merge(self, other: TrueCalibration) -> None:
        """Enter the rows of another."""
        self._deciles.merge(other._deciles)

    def values(self) -> dict[str, float]:
        """Return ``ece_truth``."""
        return {"ece_truth": self._deciles.ece()}


class Weights:
    """How far the inverse propensities of clicked rows, 1 / max(prediction, `CLIP`), can be trusted."""

    def __init__(self) -> None:
        self._rows = self._clipped = 0
        self._sum = self._squares = 0.0
        self._largest = -math.inf

    def add(self, served: Float64, judged: Outcome) -> None:
        """Enter judged rows, of which those with a label above 0 are clicked."""
        clicked = served[judged.label > 0]
        weights = 1.0 / np.maximum(clicked, CLIP)
        self._rows += len(weights)
        self._clipped += int(np.count_nonzero(clicked <= CLIP))
        self._sum += float(weights.sum())
        self._squares += float(weights @ weights)
        self._largest = float(np.max(weights, initial=self._largest))

    def merge(self, other: Weights) -> None:
        """Enter the rows of another."""
        self._rows += other._rows
        self._clipped += other._clipped
        self._sum += other._sum
        self._squares += other._squares
        self._largest = max(self._largest, other._largest)

    def values(self) -> dict[str, float]:
        """Return ``ess`` (effective size over clicked rows), ``clipped`` (their share at the clip) and ``max_weight``."""
        if not self._rows or not math.isfinite(self._sum):
            return dict.fromkeys(("ess", "clipped", "max_weight"), math.nan)
        return {
            "ess": self._sum**2 / self._squares / self._rows,
            "clipped": self._clipped / self._rows,
            "max_weight": self._largest,
        }


POOLS: Mapping[str, type[Pool]] = {
    "decile_error": Calibration,
    "ece": Calibration,
    "ece_truth": TrueCalibration,
    "ess": Weights,
    "clipped": Weights,
    "max_weight": Weights,
}
"""By metric, what is kept of it."""


Pools = dict[tuple[str, str, str, type[Pool]], Pool]
"""By phase, method, task and kind."""


def pools_of(metrics: Iterable[str]) -> list[type[Pool]]:
    """Return what is to be kept of these metrics."""
    return list(dict.fromkeys(POOLS[name] for name in metrics if name in POOLS))


def over_all(
    pools: Pools, phases: Sequence[str], method: str, task: str, metrics: Collection[str]
) -> dict[str, float]:
    """Return those of the metrics that pools tell, over all rows of some phases."""
    found: dict[str, float] = {}
    for pool in pools_of(metrics):
        whole = pool()
        for phase in phases:
            whole.merge(pools.get((phase, method, task, pool), pool()))
        found.update({name: value for name, value in whole.values().items() if name in metrics})
    return found
