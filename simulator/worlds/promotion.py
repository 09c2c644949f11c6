"""What the calendar does to the world: one multiplier per hour for each hazard, and the chance to wait for
the sale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Float64, Int64
from simulator.units import DAY, HOUR
from simulator.worlds.constants import BUY_SHARE, SHARED_DEAL_LEVEL, WAITING_CELL, buying_rhythm
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

    def between(self, first: float, last: float) -> bool:
        """Whether anybody may wait between the two times."""
        low, high = np.searchsorted(self.edges, [first, last], side="right")
        return bool(np.any(self.chance[low : high + 1] > 0))


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
    waiting: Waiting

    @classmethod
    def of(cls, promotions: Sequence[WorldPromotion], cells: int, rhythm: float) -> Schedule:
        """Build the calendar of ``cells`` hours. Multipliers of several promotions multiply."""
        sales = sorted(promotions, key=lambda p: p.start)
        one = np.ones(cells)
        common, cart, refund, repurchase, price, traffic = (one.copy() for _ in range(6))
        taste = np.zeros(cells)
        for sale in sales:
            hours = _hours_since(sale, cells)
            during = (hours > 0) & (hours < sale.length / HOUR)
            common *= _pay_around(sale, hours)
            cart[during] *= sale.cart.during
            after = (hours > sale.length / HOUR) & (hours < (sale.length + sale.cart.after_length) / HOUR)
            cart[after] *= sale.cart.after
            wave = np.exp(-np.maximum(hours, 0.0) / (sale.refund.wave_scale / HOUR))
            refund *= np.where(
                (hours > 0) & (sale.refund.wave * wave >= NEGLIGIBLE), 1 + sale.refund.wave * wave, 1.0
            )
            repurchase[during] *= sale.repurchase.during
            price[during] *= 1 - sale.price.discount
            traffic *= _traffic(sale.traffic, hours, sale.length / HOUR)
            taste[during] = sale.taste.shift
        deal = np.zeros(cells)
        for sale in sales:
            hours = _hours_since(sale, cells)
            during = (hours > 0) & (hours < sale.length / HOUR)
            level = _pay_during(sale, hours[during])
            deal[during] = common[during] * np.maximum(level - SHARED_DEAL_LEVEL, 0.0)
            common[during] *= np.minimum(level, SHARED_DEAL_LEVEL)
        daily = np.tile(buying_rhythm(rhythm), -(-cells // 24))[:cells]
        return cls(
            common * daily,
            deal * daily,
            common + deal,
            cart,
            refund,
            repurchase,
            price,
            traffic,
            taste,
            _waiting(sales),
        )

    def ordinary(self, first: int, last: int) -> bool:
        """Whether cells [first, last) know of no promotion in paying, refunds, repurchases, prices or
        waiting.
        """
        part = slice(max(first, 0), last)
        multipliers = (self.pay_promotion, self.refund, self.repurchase, self.price)
        return all(np.all(m[part] == 1.0) for m in multipliers) and not self.waiting.between(first, last)

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
    effect = sale.conversion
    opening = effect.opening * np.exp(-hours * HOUR / effect.opening_scale)
    closing = effect.closing * np.exp(-(sale.length - hours * HOUR) / effect.closing_scale)
    result: Float64 = effect.base + opening + closing
    return result


def _traffic(effect: TrafficEffect, hours: Float64, length: float) -> Float64:
    result = np.ones_like(hours)
    during = (hours > 0) & (hours < length)
    result[during] = effect.during + effect.opening * np.exp(-hours[during] * HOUR / effect.opening_scale)
    day = np.floor(hours / 24).astype(np.int64)
    for back, factor in enumerate(reversed(effect.before), start=1):
        result[day == -back] = factor
    since = np.floor((hours - length) / 24).astype(np.int64)
    for after, factor in enumerate(effect.after):
        result[since == after] = factor
    return result


def _waiting(sales: Sequence[WorldPromotion]) -> Waiting:
    """Cut the anticipation of each sale into cells counted back from its opening, not before the sale
    preceding it ends.
    """
    edges: list[int] = []
    chance, index = [0.0], [0]
    free_from = 0
    for number, sale in enumerate(sales):
        opening, waiting = sale.start // HOUR, sale.waiting
        first = max(opening - waiting.onset // HOUR, free_from)
        starts = (
            sorted({first, *range(opening - WAITING_CELL, first, -WAITING_CELL)}) if first < opening else []
        )
        for start, end in zip(starts, [*starts[1:], opening], strict=True):
            days = (opening - 0.5 * (start + end)) * HOUR / DAY
            edges.append(start)
            chance.append(waiting.floor + waiting.rise * float(np.exp(-days * DAY / waiting.scale)))
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
