"""What the calendar does to the world: one multiplier per hour for each hazard, and the chance to wait for
the sale.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, pairwise

import numpy as np

from simulator.log.schema import Bool, Float64, Int64
from simulator.units import DAY, HOUR
from simulator.worlds.constants import BUY_SHARE, SHARED_DEAL_LEVEL, WAITING_CELL
from simulator.worlds.promotion_settings import TrafficEffect, WorldPromotion

NEGLIGIBLE = 1e-3
"""An aftermath fainter than this is over, so that days far from a sale are exactly ordinary again."""


class ReturnTime:
    """When a shopper who waited comes back: hours after the opening, within the sale."""

    def __init__(self, sale: WorldPromotion) -> None:
        waiting = sale.waiting
        self.early, self.scale, self.length = waiting.early, waiting.early_scale / HOUR, sale.length / HOUR
        hour = np.arange(sale.length // HOUR)
        weight = BUY_SHARE[(sale.start // HOUR + hour) % 24] * np.exp(
            -(hour + 0.5) / (waiting.return_scale / HOUR)
        )
        self.edges: Float64 = np.arange(len(hour) + 1, dtype=np.float64)
        self.table: Float64 = np.concatenate([[0.0], np.cumsum(weight / weight.sum())])

    def cdf(self, hours: Float64) -> Float64:
        """P(return within ``hours`` of the opening | returns); 0 before the opening."""
        inside = np.clip(hours, 0.0, self.length)
        soon = np.expm1(-inside / self.scale) / np.expm1(-self.length / self.scale)
        result: Float64 = self.early * soon + (1 - self.early) * np.interp(inside, self.edges, self.table)
        return result

    def sample(self, uniform: Float64) -> Float64:
        """Map uniforms to return times: the first ``early`` of them to the exponential, the others to the
        table.
        """
        soon = np.clip(uniform / max(self.early, 1e-300), 0.0, 1.0 - 1e-12)
        late = np.clip((uniform - self.early) / max(1 - self.early, 1e-300), 0.0, 1.0)
        early = -self.scale * np.log1p(soon * np.expm1(-self.length / self.scale))
        return np.where(uniform < self.early, early, np.interp(late, self.table, self.edges))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Chance to wait, constant between ``edges`` (whole hours, ascending): entry j holds between edges j-1
    and j.
    """

    edges: Int64
    chance: Float64
    sale: Int64
    """Which promotion is waited for (index by start)."""
    opening: Float64
    """Start of each promotion, hours."""
    returns: Float64
    times: tuple[ReturnTime, ...]

    def entry(self, time: Float64) -> Int64:
        """Return the entry that holds at each time."""
        found: Int64 = np.searchsorted(self.edges, time, side="right")
        return found

    def since(self, end: Float64) -> Iterator[Float64]:
        """Yield, by promotion, P(back before ``end`` | back)."""
        for opening, times in zip(self.opening, self.times, strict=True):
            yield times.cdf(end - opening)

    def between(self, first: float, last: float) -> bool:
        """Whether anybody may wait between the two times."""
        low, high = np.searchsorted(self.edges, [first, last], side="right")
        return bool(np.any(self.chance[low : high + 1] > 0))


@dataclass(frozen=True, slots=True)
class Coupon:
    """What a coupon does: whoever pays in an hour that ``earns`` one has a repurchase hazard of its own
    calendar; both of shape (cells,).
    """

    earns: Bool
    multiplier: Float64


@dataclass(frozen=True, slots=True)
class Schedule:
    """Multipliers per calendar hour, from the log's origin to the last instant a journey can reach."""

    pay_common: Float64
    pay_deal: Float64
    pay_promotion: Float64
    """The pay multiplier of a shopper of mean deal response, hour of day left out."""
    cart: Float64
    refund: Float64
    repurchase: Float64
    price: Float64
    traffic: Float64
    taste: Float64
    """How far clicks of this hour follow the sale's own tastes."""
    fast: Float64
    """What is added to the log-odds of paying fast, for clicks of this hour."""
    waiting: Waiting
    coupons: tuple[Coupon, ...]

    @classmethod
    def of(
        cls,
        promotions: Sequence[WorldPromotion],
        cells: int,
        daily: Float64,
        taking_part: Sequence[bool] | None = None,
    ) -> Schedule:
        """Build the calendar of ``cells`` hours over the pay hazard's ``daily`` rhythm (24,). Multipliers of several
        promotions multiply. ``taking_part``: which of them, in order of their start, the item takes part in, so that paying,
        prices and waiting change by it (default: all).
        """
        sales = sorted(promotions, key=lambda p: p.start)
        part = [True] * len(sales) if taking_part is None else taking_part
        one = np.ones(cells)
        common, cart, refund, repurchase, price, traffic = (one.copy() for _ in range(6))
        taste, fast = np.zeros(cells), np.zeros(cells)
        for sale, own in zip(sales, part, strict=True):
            hours = _hours_since(sale, cells)
            during = (hours > 0) & (hours < sale.length / HOUR)
            if own:
                common *= _pay_around(sale, hours)
                price[during] *= 1 - sale.price.discount
            cart[during] *= sale.cart.during
            after = (hours > sale.length / HOUR) & (hours < (sale.length + sale.cart.after_length) / HOUR)
            cart[after] *= sale.cart.after
            wave = np.exp(-np.maximum(hours, 0.0) / (sale.refund.wave_scale / HOUR))
            refund *= np.where(
                (hours > 0) & (sale.refund.wave * wave >= NEGLIGIBLE), 1 + sale.refund.wave * wave, 1.0
            )
            repurchase[during] *= sale.repurchase.during
            traffic *= _traffic(sale.traffic, sale.conversion.days, hours, sale.length / HOUR)
            taste[during] = sale.taste.shift
            fast += _faster(sale, hours, during)
        deal, theirs = np.zeros(cells), list(compress(sales, part))
        for sale in theirs:
            hours = _hours_since(sale, cells)
            during = (hours > 0) & (hours < sale.length / HOUR)
            level = _pay_during(sale, hours[during])
            deal[during] = common[during] * np.maximum(level - SHARED_DEAL_LEVEL, 0.0)
            common[during] *= np.minimum(level, SHARED_DEAL_LEVEL)
        for sale in sales:
            second = _coupon_days(sale, _hours_since(sale, cells))
            traffic[second] *= 1 + sale.coupon.traffic
        for sale in theirs:
            second = _coupon_days(sale, _hours_since(sale, cells))
            deal[second] += common[second] * sale.coupon.conversion
        hourly = np.tile(daily, -(-cells // 24))[:cells]
        return cls(
            common * hourly,
            deal * hourly,
            common + deal,
            cart,
            refund,
            repurchase,
            price,
            traffic,
            taste,
            fast,
            _waiting(sales, part),
            tuple(_coupon(sale, cells) for sale in sales if sale.coupon.repurchase),
        )

    def ordinary(self, first: int, last: int) -> bool:
        """Whether cells [first, last) know of no promotion in paying, refunds, repurchases, prices, coupons
        or waiting.
        """
        part = slice(max(first, 0), last)
        multipliers = (self.pay_promotion, self.refund, self.repurchase, self.price)
        plain = all(np.all(m[part] == 1.0) for m in multipliers)
        coupon = any(np.any(c.multiplier[part] != 1.0) for c in self.coupons)
        return plain and not coupon and not self.waiting.between(first, last)

    def deal_cells(self) -> tuple[int, int]:
        """Return the first cell of a deal and the first one after all deals (0, 0 where there is none)."""
        cells = np.flatnonzero(self.pay_deal)
        return (int(cells[0]), int(cells[-1]) + 1) if len(cells) else (0, 0)


def _hours_since(sale: WorldPromotion, cells: int) -> Float64:
    """Return the time from the opening to the middle of each cell."""
    middle: Float64 = np.arange(0.5, cells)
    return np.subtract(middle, sale.start / HOUR)


def _pay_around(sale: WorldPromotion, hours: Float64) -> Float64:
    effect, length = sale.conversion, sale.length / HOUR
    rush = 1 + effect.interest + effect.rush * np.exp(np.minimum(hours, 0.0) * HOUR / effect.rush_scale)
    dip = 1 - effect.dip * np.exp(-np.maximum(hours - length, 0.0) * HOUR / effect.dip_scale)
    before = (hours < 0) & (hours > -sale.waiting.onset / HOUR)
    dip[1 - dip < NEGLIGIBLE] = 1.0
    return np.where(before, rush, np.where(hours > length, dip, 1.0))


def _pay_during(sale: WorldPromotion, hours: Float64) -> Float64:
    effect, strength, left = sale.conversion, np.ones_like(hours), sale.length / HOUR - hours
    if effect.days:
        day = (hours // 24).astype(np.int64)
        strength = np.array(effect.days)[day]
        hours, left = hours % 24, np.minimum(left, 24 - hours % 24)
    opening = effect.opening * np.exp(-hours * HOUR / effect.opening_scale)
    closing = effect.closing * np.exp(-left * HOUR / effect.closing_scale)
    result: Float64 = effect.base + strength * (opening + closing)
    return result


def _faster(sale: WorldPromotion, hours: Float64, during: Bool) -> Float64:
    effect = sale.delay
    longer = effect.lengthen * np.exp(np.minimum(hours, 0.0) * HOUR / effect.lengthen_scale)
    before = (hours < 0) & (longer >= NEGLIGIBLE)
    result: Float64 = np.where(before, -longer, np.where(during, effect.shorten, 0.0))
    return result


def _coupon_days(sale: WorldPromotion, hours: Float64) -> Bool:
    start = (sale.length + sale.coupon.start) / HOUR
    inside: Bool = (hours > start) & (hours < start + sale.coupon.length / HOUR)
    return inside


def _coupon(sale: WorldPromotion, cells: int) -> Coupon:
    hours = _hours_since(sale, cells)
    wave = np.where(_coupon_days(sale, hours), 1 + sale.coupon.repurchase, 1.0)
    return Coupon((hours > 0) & (hours < sale.length / HOUR), wave)


def _traffic(effect: TrafficEffect, days: Sequence[float], hours: Float64, length: float) -> Float64:
    result = np.ones_like(hours)
    during = (hours > 0) & (hours < length)
    since, strength = hours[during], np.ones(int(during.sum()))
    if days:
        strength = np.array(days)[(since // 24).astype(np.int64)]
        since = since % 24
    result[during] = effect.during + strength * effect.opening * np.exp(-since * HOUR / effect.opening_scale)
    day = np.floor(hours / 24).astype(np.int64)
    for back, factor in enumerate(reversed(effect.before), start=1):
        result[day == -back] = factor
    passed = np.floor((hours - length) / 24).astype(np.int64)
    for after, factor in enumerate(effect.after):
        result[passed == after] = factor
    return result


def _waiting(sales: Sequence[WorldPromotion], taking_part: Sequence[bool]) -> Waiting:
    """Cut the anticipation of each sale into cells counted back from its opening, not before the sale
    preceding it ends.
    """
    edges: list[int] = []
    chance, index = [0.0], [0]
    free_from = 0
    for number, (sale, part) in enumerate(zip(sales, taking_part, strict=True)):
        opening, waiting = sale.start // HOUR, sale.waiting
        first = max(opening - waiting.onset // HOUR, free_from)
        starts = (
            sorted({first, *range(opening - WAITING_CELL, first, -WAITING_CELL)}) if first < opening else []
        )
        for start, end in pairwise([*starts, opening]):
            days = (opening - 0.5 * (start + end)) * HOUR / DAY
            edges.append(start)
            chance.append(part * (waiting.floor + waiting.rise * float(np.exp(-days * DAY / waiting.scale))))
            index.append(number)
        if starts:
            edges.append(opening)
            chance.append(0.0)
            index.append(number)
        free_from = sale.end // HOUR
    # An edge at which the chance is set anew replaces the end of the entry before it.
    keep = [i for i in range(len(edges)) if i + 1 == len(edges) or edges[i] != edges[i + 1]]
    return Waiting(
        np.array([edges[i] for i in keep], np.int64),
        np.array([chance[0], *(chance[i + 1] for i in keep)]),
        np.array([index[0], *(index[i + 1] for i in keep)], np.int64),
        np.array([sale.start / HOUR for sale in sales]),
        np.array([sale.waiting.returns for sale in sales]),
        tuple(ReturnTime(sale) for sale in sales),
    )
