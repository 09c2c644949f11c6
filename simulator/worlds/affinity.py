"""What a click is: who, what and where, the features it shows, and the log-hazard that nobody sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulator.log.schema import Float64, Int32, Int64
from simulator.units import HOUR
from simulator.worlds.arrivals import zipf_rank
from simulator.worlds.constants import TASTE_RANK
from simulator.worlds.drift import CONTEXT_FIELDS, DriftingEffects
from simulator.worlds.loyalty import loyalty_classes
from simulator.worlds.offer import Offer
from simulator.worlds.population import Campaigns, Items, Market, Users, bucket, crossed
from simulator.worlds.settings import CARDINALITIES, WorldSettings

DENSE_TASTE = 1_000_000
"""Up to this many segment x category pairs the day's tastes are one table."""


class Draws(Protocol):
    """Random numbers of a day's clicks, one a click, each part from a stream of its own."""

    time: Int64

    def __len__(self) -> int: ...
    def uniform(self, part: str) -> Float64: ...
    def normal(self, part: str) -> Float64: ...


@dataclass(slots=True)
class Visit:
    """A day's clicks: positions of user and item, features, latent quantities; arrays of shape (n,)."""

    user: Int64
    slot: Int64
    features: Int32
    """Shape (features, n): one row a feature."""
    eta: Float64
    """Log-hazard of paying, its base level left out."""
    response: Float64
    """How strongly this user answers to a deal on this item (mean about 1)."""
    refund: Float64
    """Log-level of refunds, its base left out."""
    spending: Float64
    """Log of the expected size of a pay, its base left out."""
    loyalty: Int64
    """Class of the repurchase level."""
    own: Float64
    """The user's own level of paying, in standard deviations."""
    depth: Float64
    """Depth of the item's deals, in standard deviations."""
    hidden: Int64 | None = None
    """Point of the hidden intent (`confounder.Hidden`), which none of the above contains; None without one."""
    prominence: Float64 | None = None
    """What the prominence of the cart adds to its log-hazard; None without an instrument."""

    def take(self, index: Int64 | slice) -> Visit:
        """Return some of the clicks."""
        return Visit(
            self.user[index],
            self.slot[index],
            self.features[:, index],
            self.eta[index],
            self.response[index],
            self.refund[index],
            self.spending[index],
            self.loyalty[index],
            self.own[index],
            self.depth[index],
            None if self.hidden is None else self.hidden[index],
            None if self.prominence is None else self.prominence[index],
        )


class DayMarket:
    """The state of the market on one day; `advance` takes it to the next."""

    def __init__(self, settings: WorldSettings, market: Market, users: Users, seed: int) -> None:
        self.settings, self.market, self.users = settings, market, users
        self.items, self.drift = Items(settings, market, seed), DriftingEffects(settings, seed)
        self._campaigns, self.day = Campaigns(settings, seed), 0
        self._sizes = settings.sizes()
        self._offer = Offer(settings, market, seed) if settings.offer else None
        by_hour = settings.amount.by_hour
        self._by_hour: Float64 = np.zeros(24) if by_hour is None else np.log(by_hour)

    def advance(self) -> None:
        """Go to the next day."""
        self.day += 1
        self.items.advance()
        self.drift.advance()

    def visit(self, draws: Draws, sale_taste: Float64) -> Visit:
        """Say what the day's clicks are. ``sale_taste`` (n,): how far each follows the tastes of a sale."""
        settings, users, items, market = self.settings, self.users, self.items, self.market
        user = zipf_rank(draws.uniform("user"), settings.users, settings.user_zipf)
        slot = zipf_rank(draws.uniform("item"), settings.items, settings.item_zipf)
        features = np.empty((len(self._sizes), len(draws)), np.int32)
        features[:8], features[8:14] = users.features[user].T, items.features[slot].T
        context = self._context(draws, items.own[slot], features)
        segment, category = features[2].astype(np.int64), items.category[slot].astype(np.int64)
        away = items.price[slot] - market.segment_price[segment]
        eta = users.level[user] + items.level[slot] + context
        eta += (self.drift.level + self.drift.category)[category]
        eta += settings.effects.price * (1.0 - away * away / 1.25) / np.sqrt(2.0)
        eta += self._taste(segment, category)
        eta += np.einsum("nr,nr->n", users.taste[user], market.category_taste.astype(np.float32)[category])
        if self._offer is not None:
            offer = self._offer.features(draws.time, items.id[slot], items.price[slot], category)
            features[len(CARDINALITIES) : len(CARDINALITIES) + len(offer)] = offer
        prominence = None
        if settings.cart.prominence:
            features[-1] = draws.uniform("prominence") < 0.5
            prominence = settings.cart.prominence * (2.0 * features[-1] - 1.0)
        if sale_taste.any():
            eta += sale_taste * self._sale_taste(segment, category)
        return Visit(
            user,
            slot,
            features,
            eta,
            users.sensitivity[user] * market.category_depth[category],
            users.refund[user] + items.refund[slot] + self.drift.refund[category],
            users.spending[user] + items.spending[slot] + self._by_hour[draws.time // HOUR % 24],
            loyalty_classes(settings.repurchase, market, segment, category),
            users.own[user],
            market.category_deals[category],
            prominence=prominence,
        )

    def _context(self, draws: Draws, item_level: Float64, features: Int32) -> Float64:
        """Fill the context features; return the sum of their effects."""
        sizes, total = self._sizes, np.zeros(len(draws))
        fields: dict[str, Int32] = {}
        for i, name in enumerate(CONTEXT_FIELDS):
            # Squaring makes the first values the frequent ones, as with positions and pages.
            uniform = draws.uniform(name)
            fields[name] = (sizes[name] * uniform * uniform).astype(np.int32)
            if name != "position" or not self.settings.instrument:
                total += (self.market.context[i] + self.drift.context[i])[fields[name]]
        ids, effects = self._campaigns.on(self.day)
        campaign = (len(ids) * draws.uniform("campaign")).astype(np.int64)
        total += effects[campaign]
        quality = bucket((item_level + draws.normal("quality")) / np.sqrt(2.0), sizes["item_quality"])
        widths = sizes["position"], sizes["scenario"]
        pair = crossed(fields["position"], fields["scenario"], widths, sizes["position_x_scenario"])
        for row, name in enumerate(CONTEXT_FIELDS, start=14):
            features[row] = fields[name]
        features[19], features[20], features[21] = (ids % sizes["campaign"])[campaign], quality, pair
        return total

    def _taste(self, segment: Int64, category: Int64) -> Float64:
        """Return the constant and the drifting taste of each click's segment for its category."""
        market, fixed = self.market, self.settings.effects.taste
        left = np.concatenate(
            [market.segment_taste, market.segment_drifting_taste / np.sqrt(TASTE_RANK)], axis=1
        )
        right = np.concatenate([fixed * market.category_taste, self.drift.taste], axis=1)
        return _pairs(left, right, segment, category)

    def _sale_taste(self, segment: Int64, category: Int64) -> Float64:
        market, effects, drift = self.market, self.settings.effects, self.settings.drift
        shared = np.hypot(effects.category, drift.category) * market.category_sale[category]
        own = np.hypot(effects.taste, drift.taste) * market.category_sale_taste
        result: Float64 = shared + _pairs(market.segment_sale_taste, own, segment, category)
        return result


def _pairs(left: Float64, right: Float64, row: Int64, column: Int64) -> Float64:
    """Return left[row] . right[column]."""
    if len(left) * len(right) <= DENSE_TASTE:
        table = (left @ right.T).ravel()
        result: Float64 = table[row * len(right) + column]
        return result
    dots: Float64 = np.einsum("nr,nr->n", left[row], right[column])
    return dots
