"""The bidder whose log methods begin with: what was shown before the stream is what it won."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.auction.offers import Market, Offers
from simulator.auction.room import Room
from simulator.auction.settings import AuctionBlock, ExplorationBlock
from simulator.auction.worth import Predictions
from simulator.calendar import Calendar
from simulator.log.schema import Float64
from simulator.log.source import Exposed
from simulator.log.without import Lost
from simulator.randomness import draws
from simulator.units import DAY
from simulator.windows import Windows


@dataclass(frozen=True, slots=True)
class Averages:
    """What the logging bidder knows: the click rate (where the truth does not say it), the conversion rate of clicks, and what
    a pay brings.
    """

    ctr: float
    cvr: float
    amount: float


def lost_before(
    log: Exposed,
    settings: AuctionBlock,
    averages: Averages,
    calendar: Calendar,
    windows: Windows,
    seed: int,
    end: int,
) -> Lost:
    """Return what the logging bidder lost of the impressions before ``end``.

    It bids truthfully for the first slot, without budget, in the auction of the scenario: the true click rate times the mean
    conversion rate, times a log-normal factor by ``settings.logger``.
    """
    own = settings.model_copy(
        update={
            "bidder": "truthful",
            "budget": None,
            "campaigns": 1,
            "slots": (1.0,),
            "exploration": ExplorationBlock(),
        }
    )
    market = Market(log, own, calendar, windows, seed, 0, end)
    room = Room(own, calendar, windows, log.features, seed, 0)
    name = settings.logger.feature
    column = settings.column(name, "auction.logger.feature", log.features) if name else None
    impressions, clicks = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for until in (*range(DAY, end, DAY), end):
        offers = market.take(until)
        if not len(offers):
            continue
        factor = _factor(offers, column, settings.logger.spread, seed)
        ctr = offers.c if log.has_exposure else np.full(len(offers), averages.ctr)
        amount = np.full(len(offers), averages.amount)
        lost = ~room.clear(offers, Predictions(ctr, averages.cvr * factor, amount)).won
        impressions.append(offers.place[lost])
        clicks.append(offers.click_row[lost & (offers.click_row >= 0)])
    return Lost(np.concatenate(impressions), np.sort(np.concatenate(clicks)))


def _factor(offers: Offers, column: int | None, spread: float, seed: int) -> Float64:
    from scipy.special import ndtri  # not at every start

    of = offers.impression_id if column is None else offers.features[:, column].astype(np.int64)
    drawn = np.maximum(draws(of, "auction", "logger", seed), np.finfo(float).tiny)
    factor: Float64 = np.exp(spread * ndtri(drawn))
    return factor
