"""What predictions say an impression is worth, and what its outcome was worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulator.auction.bidders.base import Of
from simulator.auction.offers import Offers
from simulator.auction.settings import AuctionBlock
from simulator.errors import RunError
from simulator.log.schema import Columns, Float64


@dataclass(slots=True)
class Predictions(Columns):
    """What a method believes of impressions.

    Parameters
    ----------
    ctr : chance of a click; shape (n,).
    cvr : chance of a pay given a click; shape (n,), or (n, members) of an ensemble.
    amount : money that a pay brings, in the words of ``auction.value``: ``auction.worth``; the expected GMV given a pay; or
        that less what is expected to be returned. Shape (n,).
    """

    ctr: Float64
    cvr: Float64
    amount: Float64

    def check(self, count: int) -> None:
        """Refuse what cannot be bid with.

        Raises
        ------
        RunError : there are more or fewer rows than impressions, or values that are no numbers, or below 0.
        """
        for name, column in self.arrays().items():
            if len(column) != count:
                raise RunError(f"predictions of {name} for {len(column)} impressions; {count} are offered")
            if not np.isfinite(column).all() or (count and column.min() < 0):
                bad = column[~(np.isfinite(column) & (column >= 0))].flat[0]
                raise RunError(
                    f"a prediction of {name} is {bad}; allowed: finite and 0 or more. Nobody can bid with it: see whether "
                    "the method has diverged"
                )


def believed(predictions: Predictions, settings: AuctionBlock, of: Of = "value") -> Float64:
    """Return what impressions are worth by the predictions; shape (n,), or (n, members).

    ``of`` is "value" (money earned: the margin is included), "revenue" (money before the margin), or "conversions".
    """
    ctr, amount, cvr = predictions.ctr, predictions.amount, predictions.cvr
    scale = ctr if of == "conversions" else ctr * amount * (settings.margin if of == "value" else 1.0)
    found: Float64 = cvr * (scale[:, None] if cvr.ndim > 1 else scale)
    return found


def oracle(offers: Offers, predictions: Predictions) -> Predictions:
    """Return the predictions with what the features tell in truth in the place of click and conversion rate.

    Raises
    ------
    RunError : the log does not know the truth.
    """
    return replace(known_clicks(offers, predictions), cvr=_true(offers.q1))


def known_clicks(offers: Offers, predictions: Predictions) -> Predictions:
    """Return the predictions with the click rate that the features tell in truth (``ctr = "true"``).

    Raises
    ------
    RunError : the log does not know the truth.
    """
    return replace(predictions, ctr=_true(offers.c))


def expected(offers: Offers, settings: AuctionBlock) -> Float64:
    """Return what impressions are worth in truth if they are won, the hidden intent known, margin included.

    Logs know it of pays alone; of amounts, and where the truth is not known, it is what became of the impression.
    """
    value = offers.p_click * offers.p_pay * (settings.worth * settings.margin)
    if settings.value != "pay" or np.isnan(value).any():
        return realised(offers, settings)
    known: Float64 = value
    return known


def realised(offers: Offers, settings: AuctionBlock) -> Float64:
    """Return what became of impressions if they are won, by final labels, margin included; shape (n,)."""
    if settings.value == "pay":
        return np.where(offers.converted, settings.worth * settings.margin, 0.0)
    back = offers.refund_amount if settings.value == "net-gmv" else 0.0
    return (offers.gmv - back) * settings.margin


def _true(column: Float64) -> Float64:
    if np.isnan(column).any():
        raise RunError(
            'the log does not know the truth of its impressions, which an oracle, or ctr = "true", bids with. '
            'Take ctr = "model", or a world'
        )
    return column
