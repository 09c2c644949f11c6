"""Which items take part in which promotion: for each promotion a hash of the item's id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.log.schema import Bool, Int64
from simulator.randomness import generator
from simulator.units import HOUR
from simulator.worlds.population import hashed
from simulator.worlds.promotion import NEGLIGIBLE
from simulator.worlds.promotion_settings import WorldPromotion

LARGE = 2**31 - 1


class Participation:
    """The items of each promotion, in order of their start. A promotion keeps its items, whatever others there are."""

    def __init__(self, promotions: Sequence[WorldPromotion], seed: int) -> None:
        self.sales = sorted(promotions, key=lambda p: p.start)
        self.all_items = all(sale.participation == 1 for sale in self.sales)
        self._salt = [
            int(generator(seed, "world", "participation", sale.start // HOUR).integers(LARGE))
            for sale in self.sales
        ]
        self._reach = [_reach(sale) for sale in self.sales]
        self._end: Int64 = np.array([sale.end for sale in self.sales], np.int64)

    def flags(self, item: Int64) -> Bool:
        """Return which items take part; shape (promotions, n)."""
        flags = np.ones((len(self.sales), len(item)), bool)
        for row, (sale, salt) in enumerate(zip(self.sales, self._salt, strict=True)):
            if sale.participation < 1:
                flags[row] = hashed(item, LARGE, salt) < sale.participation * LARGE
        return flags

    def coming(self, time: Int64) -> Int64:
        """Return the promotion that is on, or comes next, by index; as many as there are where none does."""
        return np.searchsorted(self._end, time, side="right")

    def of_next(self, time: Int64, item: Int64) -> Bool:
        """Return whether each click's item takes part in the promotion that is on, or comes next."""
        flags = np.concatenate([self.flags(item), np.zeros((1, len(item)), bool)])
        result: Bool = flags[self.coming(time), np.arange(len(item))]
        return result

    def groups(self, first: float, last: float, item: Int64) -> list[tuple[tuple[bool, ...], Int64]]:
        """Tell items apart by the promotions that anything between two hours depends on.

        Returns
        -------
        For each group which promotions it takes part in (true for those that do not matter), and its places.
        """
        flags = self.flags(item)
        for row, (begins, ends) in enumerate(self._reach):
            if ends <= first or last <= begins:
                flags[row] = True
        code = (flags << np.arange(len(flags))[:, None]).sum(0)
        groups = []
        for value in np.unique(code):
            mine = np.flatnonzero(code == value)
            groups.append((tuple(flags[:, mine[0]].tolist()), mine))
        return groups


def _reach(sale: WorldPromotion) -> tuple[float, float]:
    """Return the hours between which what a promotion does to its items differs from nothing."""
    pays = sale.conversion
    faded = pays.dip_scale * np.log(max(pays.dip / NEGLIGIBLE, 1.0))
    coupon = sale.coupon.start + sale.coupon.length if sale.coupon.conversion else 0
    return (sale.start - sale.waiting.onset) / HOUR - 1, (sale.end + max(faded, coupon)) / HOUR + 1
