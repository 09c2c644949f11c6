"""Whether treated and untreated rows are alike enough to be compared, and how many rows the comparison rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.evaluation.causal.nuisances import Nuisances
from simulator.evaluation.causal.observed import Observed
from simulator.log.schema import Float64

SHOWN = (0.01, 0.25, 0.5, 0.75, 0.99)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of one arm.

    Parameters
    ----------
    rows : in the arm.
    propensity : quantiles of e there, at `SHOWN`.
    effective : rows of equal weight that would be as many, (sum w)^2 / sum w^2, w being the inverse chance of the arm.
    largest : the largest such weight, over their mean.
    """

    rows: int
    propensity: tuple[float, ...]
    effective: float
    largest: float


def effective_size(weight: Float64) -> float:
    """Return (sum w)^2 / sum w^2 (Kish, 1965); 0 of none."""
    total = float((weight**2).sum())
    return float(weight.sum()) ** 2 / total if total else 0.0


def overlap(observed: Observed, known: Nuisances) -> tuple[Overlap, Overlap]:
    """Return the overlap of the treated and of the untreated."""
    arms = (observed.treatment == 1, known.propensity), (observed.treatment == 0, 1 - known.propensity)
    found = []
    for inside, chance in arms:
        weight = 1 / chance[inside]
        shown = np.quantile(known.propensity[inside], SHOWN) if len(weight) else np.full(len(SHOWN), np.nan)
        largest = float(weight.max() / weight.mean()) if len(weight) else float("nan")
        found.append(Overlap(len(weight), tuple(map(float, shown)), effective_size(weight), largest))
    return found[0], found[1]
