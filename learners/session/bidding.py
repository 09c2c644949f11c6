"""What methods bid with: their predictions, in the words of the auction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from learners.catalog import ResolvedMethod
from simulator.auction.settings import AuctionBlock
from simulator.errors import ScenarioError
from simulator.learning import Predictions
from simulator.log.reader import Log
from simulator.log.schema import Float64
from simulator.windows import Windows

if TYPE_CHECKING:
    from simulator.auction.offers import Offers
    from simulator.auction.worth import Predictions as Believed


def check_auction(settings: AuctionBlock, methods: Sequence[ResolvedMethod], log: Log) -> None:
    """Refuse an auction over a log without impressions, and methods that cannot bid.

    Raises
    ------
    ScenarioError : with all faults.
    """
    if not log.has_impressions:
        raise ScenarioError(
            f"[auction]: the log {log.meta.name!r} has no impressions, so that there is nothing to bid for"
        )
    faults = list(settings.faults(log.features))
    if settings.ctr == "true" and not log.has_exposure:
        faults.append(
            f'auction.ctr = "true": only the log of a generated world knows it, not {log.meta.name!r}; take "model"'
        )
    if settings.exploration.kind == "thompson":
        faults.append(
            'auction.exploration = "thompson": draws one of several members that predict, and no method has any; take "epsilon"'
        )
    for method in methods:
        served = method.link.tasks
        who = f"method {method.name!r} cannot bid:"
        if method.link.estimates:
            faults.append(
                f"{who} it serves by estimates that are of clicks, and bids are made on impressions"
            )
        if "cvr" not in served and (settings.value == "pay" or not log.has_exposure):
            faults.append(f"{who} it predicts {', '.join(served)}, and bids need cvr")
        if settings.ctr == "model" and "ctr" not in served:
            faults.append(
                f'{who} it predicts no ctr (methods that learn from impressions do); take auction.ctr = "true"'
            )
        if method.listens == "slice":
            faults.append(f"{who} it learns from the randomised slice, which is not for sale")
    if faults:
        raise ScenarioError(faults)


def beliefs(settings: AuctionBlock, usual: tuple[float, float]) -> Callable[[Offers, Predictions], Believed]:
    """Return how a method's predictions become what is believed of offers.

    What a method does not predict is taken from the shop's history (what a pay brings) or, of a method for amounts alone, from
    the truth (cvr): so it is told apart how well amounts are predicted.

    Parameters
    ----------
    usual : what a pay brought in the history, and which part of that was not returned.
    """
    from simulator.auction.worth import Predictions as Believed
    from simulator.auction.worth import known_clicks

    amount, kept = usual

    def amounts(served: Predictions, n: int) -> Float64:
        if settings.value == "pay":
            return np.full(n, settings.worth)
        if settings.value == "net-gmv" and "netgmv" in served:
            return np.asarray(served["netgmv"], np.float64)
        brought = np.asarray(served["gmv"], np.float64) if "gmv" in served else np.full(n, amount)
        if settings.value == "gmv":
            return brought
        left: Float64 = 1 - np.asarray(served["rfr"]) if "rfr" in served else np.full(n, kept)
        return brought * left

    def believes(offers: Offers, served: Predictions) -> Believed:
        n = len(offers)
        cvr = np.asarray(served["cvr"], np.float64) if "cvr" in served else offers.q1
        ctr = np.asarray(served["ctr"], np.float64) if settings.ctr == "model" else np.ones(n)
        believed = Believed(ctr, cvr, amounts(served, n))
        return known_clicks(offers, believed) if settings.ctr == "true" else believed

    return believes


def usual_amount(
    settings: AuctionBlock, log: Log, windows: Windows, start: int, end: int
) -> tuple[float, float]:
    """Return what a pay brought in ``[start, end)`` on the average, and which part of that was not returned."""
    if settings.value == "pay":
        return settings.worth, 1.0
    paid = brought = returned = 0.0
    for _, labels in log.labelled(windows, start, end, features=False):
        paid += float(labels.converted.sum())
        brought += float(labels.gmv.sum())
        returned += float(labels.refund_amount.sum())
    return (brought / paid, 1 - returned / brought) if paid else (1.0, 1.0)
