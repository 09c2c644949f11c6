"""What is offered with a click: features of price and promotion that a shop shows, on by name (``[world] offer``)."""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Bool, Float64, Int32, Int64
from simulator.units import DAY
from simulator.worlds.participation import Participation
from simulator.worlds.population import Market, bucket
from simulator.worlds.settings import OFFER, WorldSettings

DEPTH = 0.03
"""Width of a bin of discounts."""


class Offer:
    """Compute the features of the offer.

    A sale is announced from its anticipation on, or from when shoppers begin to wait for it. An item's discount in it is the
    sale's, times the depth of the deals of its category (of mean 1); what is paid falls by the sale's for all alike.
    """

    def __init__(self, settings: WorldSettings, market: Market, seed: int) -> None:
        self._participation = Participation(settings.promotion, seed)
        self._names = [name for name in OFFER if name in settings.offer]
        self._depth, self._scale = market.category_depth, settings.amount.price
        sales = self._participation.sales
        self._start: Int64 = np.array([*(s.start for s in sales), np.iinfo(np.int64).max])
        told = [s.start - max(s.anticipation, s.waiting.onset) for s in sales]
        self._told: Int64 = np.array([*told, np.iinfo(np.int64).max])
        self._discount: Float64 = np.array([*(s.price.discount for s in sales), 0.0])
        self._coupon: Bool = np.array(
            [*(s.coupon.repurchase + s.coupon.conversion > 0 for s in sales), False]
        )

    def features(self, time: Int64, item: Int64, price: Float64, category: Int64) -> Int32:
        """Return the features that were asked for, in the order of `OFFER`; shape (features, n)."""
        sale = self._participation.coming(time)
        part = self._participation.of_next(time, item)
        on, told = time >= self._start[sale], part & (time >= self._told[sale])
        depth = self._discount[sale] * self._depth[category]
        bins = np.minimum(1 + (depth / DEPTH).astype(np.int64), OFFER["discount"] - 1)
        days = np.minimum((self._start[sale] - time) // DAY + 1, OFFER["days_to_sale"] - 1)
        # In standard deviations of the items' prices; where prices are alike, a discount still shows.
        paid = np.log1p(-self._discount[sale] * (on & part)) / max(self._scale, DEPTH)
        columns = {
            "price": bucket(price + paid, OFFER["price"]),
            "discount": np.where(told & (depth > 0), bins, 0),
            "coupon": told & self._coupon[sale],
            "days_to_sale": np.where(on, 0, days),
        }
        return np.array([columns[name] for name in self._names], np.int32)
