"""Rivals' bids: log-normal by phase, hour and context, drawn once an impression, whoever bids against them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.auction.settings import AuctionBlock
from simulator.calendar import PHASES, Calendar
from simulator.log.schema import Feature, Float64, Int32, Int64
from simulator.randomness import draws
from simulator.units import DAY, HOUR

_LEAST = 1e-300
"""A uniform is no less, so that its quantile is finite."""


class Landscape:
    """The best bids of the rivals for each impression.

    The k-th best of ``count`` independent bids is the quantile of the k-th largest of as many uniforms, and these are
    U1 = V1^(1/count), U2 = U1 V2^(1/(count - 1)), ... of independent uniforms V: one draw an impression and slot, however
    many rivals there are.
    """

    def __init__(
        self, settings: AuctionBlock, calendar: Calendar, features: Sequence[Feature], seed: int
    ) -> None:
        self._rivals, self._slots = settings.rivals, len(settings.slots)
        self._clock, self._seed = calendar.clock, seed
        self._times, codes = calendar.switches()
        self._codes = np.concatenate([np.zeros(1, np.uint8), codes])
        context = self._rivals.context
        self._column = (
            settings.column(context, "auction.rivals.context", tuple(features)) if context else None
        )
        phases = [getattr(self._rivals, name) for name in PHASES]
        level = np.log([phase.level for phase in phases])[self._codes]
        rises = (self._codes == PHASES.index("anticipation")) & self._rivals.rising
        self._end = level
        self._begin = np.where(rises, np.concatenate([level[:1], level[:-1]]), level)
        spreads = [self._rivals.spread if phase.spread is None else phase.spread for phase in phases]
        self._spread = np.array(spreads)[self._codes]
        self._hours = np.log(self._rivals.by_hour or np.ones(24))

    def best(self, ids: Int64, time: Int64, features: Int32) -> Float64:
        """Return the best bids for impressions, best first; shape (n, slots), 0 where there is no such rival."""
        from scipy.special import ndtri  # not at every start

        bids, count = np.zeros((len(ids), self._slots)), self._rivals.count
        if not count:
            return bids
        median, spread = self.parameters(time, features)
        uniform = np.ones(len(ids))
        for k in range(min(self._slots, count)):
            drawn = draws(ids, "auction", "rivals", self._seed, k)
            uniform = np.maximum(uniform * drawn ** (1 / (count - k)), _LEAST)
            bids[:, k] = np.exp(median + spread * ndtri(uniform))
        return bids

    def parameters(self, time: Int64, features: Int32) -> tuple[Float64, Float64]:
        """Return the logarithm of the median bid of one rival, and the standard deviation of the logarithm."""
        from scipy.special import ndtri  # not at every start

        part = np.searchsorted(self._times, time, side="right")
        edges = np.concatenate([[0], self._times, [0]])
        start, end = edges[part], edges[part + 1]
        past = np.where((part > 0) & (end > start), (time - start) / np.maximum(end - start, 1), 0.0)
        median = np.log(self._rivals.bid) + self._begin[part] + past * (self._end - self._begin)[part]
        if self._rivals.by_hour:
            median += self._hours[self._clock.local(time) % DAY // HOUR]
        if self._column is not None:
            own = draws(features[:, self._column].astype(np.int64), "auction", "context", self._seed)
            median += self._rivals.context_spread * ndtri(np.maximum(own, _LEAST))
        return median, self._spread[part]
