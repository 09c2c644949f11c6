"""What another bidder would have earned, told from the log of one that explored: inverse propensity, its self-normalised
form, and the doubly robust one (Dudik, Langford, Li, ICML 2011; Swaminathan, Joachims, NeurIPS 2015).

Of what was won its price to beat is known, so that the chance with which it was won, over the bidder's own draws, is known
exactly, and so is whether the other would have won it and at what price. What was lost says nothing. A label that may still
come is made up for by the chance that it would have come by now (`completeness`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from simulator.auction.settings import Mechanism
from simulator.errors import RunError
from simulator.log.schema import Bool, Columns, Float64, Int64

Estimator = Literal["ips", "snips", "dr"]
YOUNG = 0.05
"""A label that has come by now with less chance than this says too little."""


@dataclass(slots=True)
class Logged(Columns):
    """What the log of a bidder says of impressions, one row each that was offered.

    Parameters
    ----------
    won : by the bidder of the log. Of the others nothing else is read.
    propensity, least : as in `simulator.auction.room.Won`.
    value : money, margin included, of what is known of it by now.
    complete : chance that what comes of it has come by now, if it ever does; 1 where labels are final.
    """

    won: Bool
    propensity: Float64
    least: Float64
    value: Float64
    complete: Float64


@dataclass(frozen=True, slots=True)
class Estimate:
    """A profit over all impressions that were offered, with a normal interval.

    Parameters
    ----------
    effective : impressions won that the estimate rests on, by Kish's formula.
    """

    profit: float
    low: float
    high: float
    effective: float


def completeness(delays: Int64, elapsed: Int64) -> Float64:
    """Return with which chance a conversion that comes has come ``elapsed`` after its impression.

    Parameters
    ----------
    delays : of conversions of the past, of which all are known; any order.
    """
    found: Float64 = np.searchsorted(np.sort(delays), elapsed, side="right") / max(len(delays), 1)
    return found


def estimate(
    kind: Estimator,
    logged: Logged,
    bids: Float64,
    mechanism: Mechanism,
    direct: Float64 | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Estimate what bids would have earned.

    Parameters
    ----------
    bids : of the other bidder, for all that was offered; of single slots, without a budget.
    direct : of "dr": what each bid is believed to earn, of all that was offered; it may be wrong.

    Raises
    ------
    RunError : nothing was won whose label may be known, or something was won that could not be.
    """
    usable = logged.complete >= YOUNG
    won = logged.won & usable
    if not won.any():
        raise RunError(
            "the log won nothing whose label may be known by now: there is nothing to estimate from"
        )
    if (logged.propensity[won] <= 0).any():
        raise RunError(
            "the log says that impressions were won with no chance of it. Give auction.exploration, and log propensities"
        )
    n, share = int(usable.sum()), len(usable) / int(usable.sum())
    weight, reward = np.zeros(len(usable)), np.zeros(len(usable))
    weight[won] = 1 / logged.propensity[won]
    price = logged.least if mechanism == "second-price" else bids
    wins = won & (bids > logged.least)
    reward[wins] = logged.value[wins] / logged.complete[wins] - price[wins]
    if kind == "dr":
        if direct is None:
            raise RunError('estimator "dr" needs what each bid is believed to earn')
        rows = direct + weight * np.where(won, reward - direct, 0.0)
    else:
        rows = weight * reward
    rows = rows[usable]
    mean = float(rows.mean())
    if kind == "snips":
        scale = float(weight[usable].mean())
        mean /= scale
        rows = weight[usable] * (reward[usable] - mean) / scale
    half = float(ndtri(0.5 + confidence / 2)) * float(rows.std()) / np.sqrt(n)
    total = n * share
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    return Estimate(total * mean, total * (mean - half), total * (mean + half), effective)
