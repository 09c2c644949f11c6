"""When sales open that may open earlier or later than announced: what the pays of the stream say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from learners.settlement.evidence.layout import FORGOTTEN, OpenClicks
from simulator.log.schema import Bool, Float64

SPREAD = 0.3
"""Relative standard deviation of a segment's pays about what the right opening says: a sale may be larger than the one
that was learnt from, and a single segment is not to decide alone."""
LEAST = 1.0
"""Pays that are expected of a segment at least."""

Each = Callable[[OpenClicks], Float64]
"""Logits of open clicks if the sales open at each of the onsets, shape (onsets, n)."""


class Onsets:
    """The possible onsets of each sale to come, and their chances: equal at first, then what the stream leaves of them.

    Let q(s) be what an opening says of a click that is silent until s. If it is right, the click pays in (a, b] with the
    chance h that makes q a martingale, q(a) = h + (1 - h) q(b); so 1 - h = (1 - q(a)) / (1 - q(b)), and those who stay
    silent tell how many pays there should have been among all: h / (1 - h) = (q(a) - q(b)) / (1 - q(a)) each, which adds
    up to the sum of h in expectation. At the end of a segment every opening k has expected E_k pays, N have come, and its
    chance is multiplied by the likelihood of N: negative binomial, of mean E_k and variance E_k + (.3 E_k)^2.

    Before the first possible opening all expect about the same. When the flood of an opening fails to come its chance
    falls, and those that are still ahead gain; the flood that comes leaves the onsets that it fits.

    The chances move after a segment has been settled; what they change of a posterior is settled with the next one.

    Parameters
    ----------
    sales : opening and end of each of these sales as announced, in hours, in order.
    offsets : hours by which each may open later than announced; its end moves along.
    """

    def __init__(self, sales: Sequence[tuple[float, float]], offsets: Sequence[float]) -> None:
        self.offsets = tuple(offsets)
        self._opening, self._end = np.array(sales, np.float64).reshape(-1, 2).T
        equal = np.full((len(self._opening), len(self.offsets)), 1 / len(self.offsets))
        self._log = np.log(equal)
        self._expected = np.zeros(len(self.offsets))
        self._heard = -np.inf

    def chances(self) -> Float64:
        """Return the chance of each opening of each sale, shape (sales, onsets)."""
        chances: Float64 = np.exp(self._log)
        return chances

    def log_chances(self, click: Float64) -> Float64:
        """Return the logarithms of those of the sale that matters to a click of each time (hours), (onsets, n)."""
        forgotten = np.maximum.accumulate(self._end + FORGOTTEN)
        sale = np.minimum(np.searchsorted(forgotten, click, side="right"), len(forgotten) - 1)
        logs: Float64 = self._log[sale].T
        return logs

    def watch(self, clicks: OpenClicks, each: Each) -> None:
        """Take note of clicks that are silent at a segment's end; `hear` follows when all have been told."""
        if not len(clicks) or not self._live(float(clicks.now[0])).any():
            return
        since = np.maximum(clicks.click, self._heard)
        cart = np.where(clicks.cart <= since, clicks.cart, np.inf)
        before = OpenClicks(clicks.click, since, cart, clicks.logit, clicks.dense)
        earlier, now = (1 / (1 + np.exp(-each(state))) for state in (before, clicks))
        self._expected += ((earlier - now) / (1 - earlier)).sum(axis=1)

    def hear(self, click: Float64, now: float, evidence: Float64, previous: Float64) -> None:
        """Learn from how many have paid in the segment that ends.

        Parameters
        ----------
        click : times of the clicks whose window is open, in hours, those that have paid included.
        now : the segment's end in hours.
        evidence, previous : of each, now and at the last segment's end (`simulator.learning.Advisor.tell`).
        """
        live = self._live(now)
        if live.any():
            begun = np.isfinite(previous) | (np.isnan(previous) & (click > self._heard))
            came = np.count_nonzero((evidence == np.inf) & begun)
            expected, size = np.maximum(self._expected, LEAST), SPREAD**-2
            self._log[live] += came * np.log(expected) - (came + size) * np.log(expected + size)
            self._log -= np.logaddexp.reduce(self._log, axis=1, keepdims=True)
        self._expected[:] = 0
        self._heard = now

    def _live(self, now: float) -> Bool:
        """Tell the sales that may have been on in the segment that ends, and may not."""
        begun = now > self._opening + min(self.offsets)
        over = self._heard >= self._end + max(self.offsets)
        live: Bool = begun & ~over & np.isfinite(self._heard)
        return live

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all that the stream changes, as tensors and plain values."""
        arrays = {"log": self._log, "expected": self._expected}
        return {**{name: torch.from_numpy(a.copy()) for name, a in arrays.items()}, "heard": self._heard}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned, in place: several nets hold these chances."""
        self._log[:] = state["log"].numpy()
        self._expected[:] = state["expected"].numpy()
        self._heard = float(state["heard"])
