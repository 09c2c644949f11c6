"""``wins.parquet``: what every bidder won, at what price, and what came of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from simulator.auction.offers import Offers
from simulator.auction.room import Won
from simulator.rowgroups import RowGroups


class WinsFile(RowGroups):
    """Writes what is won as it is decided. It is whole when it is closed.

    Columns: bidder, impression_id (the log's), time, control_step (counted from the log's origin), slot, bid, price, value (as
    it was believed, margin included), propensity (chance of winning over the bidder's own draws), and by final labels clicked,
    converted, gmv and refund_amount: what came of it, not of what else was on offer.
    """

    def __init__(self, path: Path, bidders: list[str], step: int) -> None:
        super().__init__(path)
        self._bidders, self._step = bidders, step

    def write(self, bidder: str, offers: Offers, won: Won) -> None:
        """Append what was won of offers."""
        mine = won.won
        if not mine.any():
            return
        bought, made = offers[mine], won[mine]
        clicked = bought.clicked & (made.click_row >= 0)
        n = len(bought)
        index = pa.array(np.full(n, self._bidders.index(bidder), np.int16))
        self.add(
            pa.table(
                {
                    "bidder": pa.DictionaryArray.from_arrays(index, pa.array(self._bidders)),
                    "impression_id": bought.impression_id,
                    "time": bought.time,
                    "control_step": bought.time // self._step,
                    "slot": made.slot,
                    "bid": made.bid,
                    "price": made.price,
                    "value": made.value,
                    "propensity": made.propensity,
                    "clicked": clicked,
                    "converted": bought.converted & clicked,
                    "gmv": np.where(clicked, bought.gmv, 0.0),
                    "refund_amount": np.where(clicked, bought.refund_amount, 0.0),
                }
            )
        )
