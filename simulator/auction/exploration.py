"""Bids that deviate at random, and with which chance each would have won: what off-policy estimates need."""

from __future__ import annotations

import numpy as np

from simulator.auction.settings import ExplorationBlock
from simulator.log.schema import Float64, Int64
from simulator.randomness import draws

_LEAST = 1e-300


class Exploration:
    """Moves bids, by draws that are fixed by the seed and the impression alone, alike for all methods."""

    def __init__(self, settings: ExplorationBlock, seed: int) -> None:
        self._settings, self._seed = settings, seed

    def chosen(self, bids: Float64, ids: Int64) -> Float64:
        """Return the bid that is made for each impression, of one (n,) or of one a member (n, members); shape (n,)."""
        from scipy.special import ndtri  # not at every start

        if bids.ndim > 1:
            member = (self._uniform(ids, "member") * bids.shape[1]).astype(np.int64)
            chosen: Float64 = bids[np.arange(len(bids)), member]
            return chosen
        if self._settings.kind != "epsilon":
            return bids
        moved = self._uniform(ids, "whether") < self._settings.rate
        factor = np.exp(self._settings.spread * ndtri(np.maximum(self._uniform(ids, "how far"), _LEAST)))
        return np.where(moved, bids * factor, bids)

    def chance(self, bids: Float64, least: Float64) -> Float64:
        """Return with which chance the bid that is made is above ``least`` (n,)."""
        from scipy.special import ndtr  # not at every start

        if bids.ndim > 1:
            share: Float64 = (bids > least[:, None]).mean(1)
            return share
        plain = (bids > least).astype(np.float64)
        if self._settings.kind != "epsilon":
            return plain
        with np.errstate(divide="ignore", invalid="ignore"):
            far = ndtr(np.log(bids / least) / self._settings.spread)
        far = np.where((bids > 0) & (least > 0), far, bids > 0)
        both: Float64 = (1 - self._settings.rate) * plain + self._settings.rate * far
        return both

    def enters(self, chance: float, ids: Int64) -> Float64:
        """Draw for which impressions a bid is made at all; 1 or 0 each."""
        return (self._uniform(ids, "enters") < chance).astype(np.float64)

    def _uniform(self, ids: Int64, what: str) -> Float64:
        return draws(ids, "auction", "exploration", self._seed, what)
