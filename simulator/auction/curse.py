"""Winner's curse: who values by a mistaken estimate wins what he overrates."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.auction.offers import Offers
from simulator.auction.room import Won
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import expected
from simulator.log.schema import Float64, Int64

_FINE, _LOW, _HIGH = 32, -40, 24
"""Bins in each doubling of a value, and the range of the values' logarithms to the base 2."""
_BINS = (_HIGH - _LOW) * _FINE
SUMS = ("offered", "won", "believed", "true", "believed_won", "true_won", "spend")


class Curse:
    """Sums over offers by what they are worth in truth, and by what is believed of them, in bins so fine that deciles can be
    told of any number of rows.
    """

    def __init__(self, settings: AuctionBlock) -> None:
        self._settings = settings
        self._sums = {by: np.zeros((len(SUMS), _BINS)) for by in ("true", "believed")}

    def add(self, offers: Offers, won: Won) -> None:
        """Enter what came of bids."""
        true = expected(offers, self._settings)
        weights = (None, won.won, won.value, true, won.value * won.won, true * won.won, won.price)
        for by, value in (("true", true), ("believed", won.value)):
            place = _bins(value)
            self._sums[by] += np.stack([np.bincount(place, weight, _BINS) for weight in weights])

    def deciles(self, by: str = "true") -> list[dict[str, float]]:
        """Return the sums by decile of the offers, lowest first.

        Beside `SUMS`: ``win_rate``, and ``promised``, what was believed of what was won over what that is worth in truth: above
        1 it was overrated.

        Parameters
        ----------
        by : of what they are worth in "true", or as it was "believed".
        """
        sums = self._sums[by]
        held = np.concatenate([np.zeros((len(SUMS), 1)), np.cumsum(sums[:, sums[0] > 0], axis=1)], axis=1)
        edges = np.linspace(0, held[0, -1], 11)
        parts = np.array([np.diff(np.interp(edges, held[0], of)) for of in held]).T
        return [_told(dict(zip(SUMS, part.tolist(), strict=True))) for part in parts]

    def summary(self) -> dict[str, Any]:
        """Return both as plain values."""
        return {by: self.deciles(by) for by in self._sums}


def _bins(value: Float64) -> Int64:
    with np.errstate(divide="ignore"):
        place = np.floor((np.log2(value) - _LOW) * _FINE)
    return np.asarray(np.clip(np.nan_to_num(place, nan=0.0), 0, _BINS - 1), np.int64)


def _told(sums: dict[str, float]) -> dict[str, float]:
    return {
        **sums,
        "win_rate": sums["won"] / sums["offered"] if sums["offered"] else float("nan"),
        "promised": sums["believed_won"] / sums["true_won"] if sums["true_won"] else float("nan"),
    }
