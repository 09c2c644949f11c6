"""Methods against each other in money: on the same impressions, clicks and rivals, so that differences are exact."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.evaluation.agreement import kendall
from simulator.evaluation.intervals import Combined, combine_seeds


@dataclass(frozen=True, slots=True)
class Paired:
    """One figure of two methods over seeds (or hours).

    Parameters
    ----------
    difference : mean of the differences, with its interval.
    ratio : variance of the difference if the two had been independent, over that of the pairs; NaN where it has none.
    """

    difference: Combined
    ratio: float


def paired(ours: Sequence[float], theirs: Sequence[float], confidence: float = 0.95) -> Paired:
    """Compare two methods by their figures of the same seeds, in the same order."""
    left, right = np.array(ours, np.float64), np.array(theirs, np.float64)
    apart = left - right
    of_pairs = float(apart.var(ddof=1)) if len(apart) > 1 else math.nan
    alone = float(left.var(ddof=1) + right.var(ddof=1)) if len(apart) > 1 else math.nan
    return Paired(combine_seeds(apart.tolist(), confidence), alone / of_pairs if of_pairs else math.nan)


@dataclass(frozen=True, slots=True)
class Lost:
    """Money that a method lost, told apart: their sum is what the clairvoyant earns more.

    Parameters
    ----------
    delay : against the same method that is told of every conversion at once.
    estimation : of that one against true probabilities, bid in the same way.
    pacing : of these against one factor a day, chosen with the day known.
    """

    delay: float
    estimation: float
    pacing: float


def lost(method: float, no_delay: float, oracle: float, clairvoyant: float | None = None) -> Lost:
    """Return what is lost by swapping in the oracles one by one; without a budget there is nothing to pace."""
    pacing = 0.0 if clairvoyant is None else clairvoyant - oracle
    return Lost(no_delay - method, oracle - no_delay, pacing)


def foretold(loss: Mapping[str, float], profit: Mapping[str, float]) -> float:
    """Return Kendall's tau-b over methods between a loss (the lower the better) and profit: 1 where the table foretells money.

    Only methods that have both count; NaN below two of them.
    """
    names = [n for n in loss if n in profit and math.isfinite(loss[n]) and math.isfinite(profit[n])]
    return kendall([-loss[n] for n in names], [profit[n] for n in names])
