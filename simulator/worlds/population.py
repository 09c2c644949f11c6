"""Who and what there is: users, items that come and go, campaigns; and the market's fixed relations between
them.
"""

from __future__ import annotations

import numpy as np

from simulator.log.schema import Float64, Int32, Int64
from simulator.logistic import expit
from simulator.randomness import generator
from simulator.units import DAY
from simulator.worlds.constants import LOYALTY_LEVELS, REPLENISHABLE_SHARE, TASTE_RANK
from simulator.worlds.drift import CONTEXT_FIELDS
from simulator.worlds.settings import WorldSettings

GOLDEN = 0x9E3779B97F4A7C15


def hashed(ids: Int64, size: int, salt: int) -> Int32:
    """Hash ids into [0, size) (SplitMix64 finaliser; collisions as in any hashed vocabulary)."""
    x = ids.astype(np.uint64) + np.uint64((GOLDEN * (salt + 1)) & (2**64 - 1))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) % np.uint64(size)).astype(np.int32)


def bucket(score: Float64, size: int) -> Int32:
    """Cut a standard normal score into ``size`` nearly equal shares (logistic for the normal CDF)."""
    share: Float64 = expit(1.702 * score)
    return np.minimum((size * share).astype(np.int32), size - 1)


def crossed(first: Int32, second: Int32, widths: tuple[int, int], size: int) -> Int32:
    """Number the pairs of two features of these widths; hashed where ``size`` is less than all pairs."""
    pair = first.astype(np.int64) * widths[1] + second
    return pair.astype(np.int32) if widths[0] * widths[1] <= size else hashed(pair, size, salt=7)


def level(draws: Float64, apart: Float64 | None = None) -> Float64:
    """Give draws of few values mean 0 and sd 1, and no correlation with ``apart`` (of mean 0 and sd 1): worlds of
    different seeds are then alike in how much these levels explain.
    """
    centred: Float64 = draws - draws.mean()
    if apart is not None:
        centred -= (centred @ apart / len(draws)) * apart
    spread = float(centred.std())
    return centred / spread if spread > 1e-9 else np.zeros_like(centred)


class Market:
    """Fixed effects of the values that users, items and contexts can take."""

    def __init__(self, settings: WorldSettings, seed: int) -> None:
        sizes, effects = settings.sizes(), settings.effects
        segments, categories = sizes["interest_segment"], sizes["category"]

        def normal(part: str, *shape: int) -> Float64:
            return generator(seed, "world", "market", part).standard_normal(shape)

        def choice(part: str, size: int, values: int) -> Int32:
            return generator(seed, "world", "market", part).integers(values, size=size).astype(np.int32)

        self.segment = effects.segment * normal("segment", segments)
        self.segment_price = 0.5 * normal("segment price", segments)
        self.segment_taste = normal("segment taste", segments, TASTE_RANK)
        self.segment_drifting_taste = normal("segment drifting taste", segments, TASTE_RANK)
        self.segment_sale_taste = normal("segment sale taste", segments, TASTE_RANK)
        self.age = choice("age", segments, sizes["age_group"])
        self.tier = choice("tier", segments, sizes["tier"])
        self.tier_refund = settings.refund.tier * normal("tier refund", sizes["tier"])
        self.tier_loyalty = choice("tier loyalty", sizes["tier"], len(LOYALTY_LEVELS))
        again, amount = settings.repurchase, settings.amount
        # Who pays again does not pay more, or less, each time.
        loyal = level(normal("segment loyalty", segments)), level(normal("category loyalty", categories))
        self.segment_loyalty, self.category_loyalty = again.segment * loyal[0], again.category * loyal[1]
        self.segment_spending = amount.segment * level(normal("segment spending", segments), loyal[0])
        self.category_spending = amount.category * level(normal("category spending", categories), loyal[1])
        self.brand_spending = amount.brand * level(normal("brand spending", sizes["brand"]))
        self.category = effects.category * normal("category", categories)
        self.category_taste = normal("category taste", categories, TASTE_RANK) / np.sqrt(TASTE_RANK)
        self.category_sale = normal("category sale", categories)
        self.category_sale_taste = normal("category sale taste", categories, TASTE_RANK) / np.sqrt(TASTE_RANK)
        depth = generator(seed, "world", "market", "depth").gamma(2.0, 0.5, categories)
        self.category_depth: Float64 = depth / depth.mean()
        self.category_deals: Float64 = (np.log(self.category_depth) + 0.27) / 0.8
        self.replenishable = (
            generator(seed, "world", "market", "replenishable").random(categories) < REPLENISHABLE_SHARE
        )
        self.brand = effects.brand * normal("brand", sizes["brand"])
        self.shop_refund = settings.refund.shop * normal("shop refund", sizes["shop"])
        self.context = [effects.context * normal(name, sizes[name]) for name in CONTEXT_FIELDS]


class Users:
    """Users by activity rank (the most active first). Arrays have one entry a user."""

    def __init__(self, settings: WorldSettings, market: Market, seed: int) -> None:
        n, sizes = settings.users, settings.sizes()
        rng = generator(seed, "world", "users")
        own, noise = rng.standard_normal(n), rng.standard_normal(n)
        self.segment: Int32 = rng.integers(sizes["interest_segment"], size=n).astype(np.int32)
        city = rng.integers(sizes["city"], size=n).astype(np.int32)
        sensitivity = rng.gamma(2.0, 0.5, n)
        self.sensitivity: Float64 = sensitivity / sensitivity.mean()
        self.spending: Float64 = (
            settings.amount.user * rng.standard_normal(n) + market.segment_spending[self.segment]
        )
        self.tier: Int32 = market.tier[self.segment]
        self.refund: Float64 = settings.refund.user * rng.standard_normal(n) + market.tier_refund[self.tier]
        self.taste = rng.standard_normal((n, TASTE_RANK), dtype=np.float32) * np.float32(
            settings.effects.user_taste
        )
        self.own: Float64 = own
        self.level: Float64 = market.segment[self.segment] + settings.effects.user * own
        deal = bucket((np.log(self.sensitivity) + 0.27) / 0.8, sizes["deal_sensitivity"])
        pair = sizes["interest_segment"], sizes["deal_sensitivity"]
        columns = (
            hashed(np.arange(n), sizes["user"], salt=0),
            market.age[self.segment],
            self.segment,
            self.tier,
            city,
            bucket((own + 0.7 * noise) / np.hypot(1.0, 0.7), sizes["propensity"]),
            deal,
            crossed(self.segment, deal, pair, sizes["segment_x_sensitivity"]),
        )
        self.features: Int32 = np.stack(columns, axis=1)


class Items:
    """Items by popularity slot (the most popular first); when one ends, a new one takes its slot, under a new
    id.

    State is that of ``day``; newborns of a day depend on the seed and that day alone.
    """

    def __init__(self, settings: WorldSettings, market: Market, seed: int) -> None:
        self._settings, self._market, self._seed = settings, market, seed
        n = settings.items
        self.day, self.next_id = 0, n
        self.id: Int64 = np.arange(n)
        self.category, self.features = np.zeros(n, np.int32), np.zeros((n, 6), np.int32)
        self.price, self.own, self.level, self.refund, self.spending = (np.zeros(n) for _ in range(5))
        self.end = np.full(n, np.inf)
        self._mortal = generator(seed, "world", "items", "mortal").random(n) >= settings.churn.evergreen
        self._settle(np.arange(n))

    def advance(self) -> None:
        """Go to the next day: replace what has ended."""
        self.day += 1
        ended = np.flatnonzero(self.end <= self.day)
        self.id[ended] = self.next_id + np.arange(len(ended))
        self.next_id += len(ended)
        self._settle(ended)

    def _settle(self, slots: Int64) -> None:
        """Give the slots new items, born on this day."""
        n, market, settings = len(slots), self._market, self._settings
        sizes = settings.sizes()
        rng = generator(self._seed, "world", "items", self.day)
        category = rng.integers(sizes["category"], size=n).astype(np.int32)
        brand, shop = (rng.integers(sizes[name], size=n).astype(np.int32) for name in ("brand", "shop"))
        price, own, refund, noise = rng.standard_normal((4, n))
        life = settings.churn.item_life / DAY * rng.standard_exponential(n)
        self.category[slots], self.price[slots], self.own[slots] = category, price, own
        self.level[slots] = market.category[category] + market.brand[brand] + settings.effects.item * own
        self.refund[slots] = settings.refund.item * refund + market.shop_refund[shop]
        by_kind = market.category_spending[category] + market.brand_spending[brand]
        self.spending[slots] = settings.amount.price * price + by_kind
        self.end[slots] = np.where(self._mortal[slots], self.day + life, np.inf)
        depth = market.category_deals[category]
        columns = (
            hashed(self.id[slots], sizes["item"], salt=1),
            category,
            shop,
            brand,
            bucket(price, sizes["price_level"]),
            bucket(depth + 0.3 * noise, sizes["deal_depth"]),
        )
        self.features[slots] = np.stack(columns, axis=1)


class Campaigns:
    """A fixed number of campaigns alive at a time, each for the same time, their starts spread evenly."""

    def __init__(self, settings: WorldSettings, seed: int) -> None:
        self._settings, self._seed, self.alive = settings, seed, settings.churn.campaigns

    def on(self, day: int) -> tuple[Int64, Float64]:
        """Return the ids of the campaigns alive on a day, and their effects."""
        life = self._settings.churn.campaign_life / DAY
        phase = np.arange(self.alive) / self.alive
        generation = np.floor(day / life + phase).astype(np.int64)
        effect = np.empty(self.alive)
        for number in np.unique(generation):
            draws = generator(self._seed, "world", "campaigns", int(number)).standard_normal(self.alive)
            effect[generation == number] = draws[generation == number]
        return generation * self.alive + np.arange(self.alive), self._settings.effects.campaign * effect
