"""Hazards with an exact closed form: exponential mixtures in elapsed time, times steps in calendar time.

A component of rate lam under the calendar multiplier m contributes, between t and t + tau,

    integral_0^tau lam e^(-lam s) m(t + s) ds  =  R(t) - e^(-lam tau) R(t + tau),
    R(t) = integral_0^inf lam e^(-lam s) m(t + s) ds.

Inside a cell with value m_c that ends at e, R(t) = m_c + e^(-lam (e - t)) (R(e) - m_c); the values at the
edges follow from one backward recursion. Times are float hours from the log's origin; cells are one hour
wide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Bool, Float64, Int64
from simulator.worlds.revisit import Revisit

PATIENCE = 24
"""Secant steps of an inversion before plain halving takes over (five to twelve are usual)."""
MOST_STEPS = PATIENCE + 34
CLOSE = 1e-9
EXACT = 1e-10


class CalendarHazard:
    """K exponential components under one multiplier per calendar hour (the last one goes on for ever).

    ``multiplier`` has shape (cells,), ``scales`` the mean waits of the components in hours.
    """

    def __init__(self, multiplier: Float64, scales: Sequence[float]) -> None:
        self.multiplier = multiplier
        self.rates: Float64 = 1.0 / np.asarray(scales, np.float64)
        keep, cells = np.exp(-self.rates), len(multiplier)
        edge = np.empty((len(scales), cells + 1))
        edge[:, cells] = multiplier[-1]
        for cell in range(cells - 1, -1, -1):
            edge[:, cell] = multiplier[cell] * (1 - keep) + keep * edge[:, cell + 1]
        self.edge = edge
        self.gap: Float64 = edge[:, 1:] - multiplier

    def remaining(self, time: Float64) -> Float64:
        """Return R of every component at every time, shape (components, ...)."""
        cell = self.cell(time)
        to_edge = np.exp(-_along(self.rates, time) * np.maximum(cell + 1 - time, 0.0))
        result: Float64 = self.multiplier[cell] + to_edge * self.gap[:, cell]
        return result

    def mass(self, time: Float64, elapsed: Float64) -> Float64:
        """Return the integral of every component over (time, time + elapsed), shape (components, n)."""
        fade = np.exp(-_along(self.rates, time) * elapsed)
        return self.remaining(time) - fade * self.remaining(time + elapsed)

    def cell(self, time: Float64) -> Int64:
        """Return the calendar hour of each time."""
        cell: Int64 = np.minimum(time.astype(np.int64), len(self.multiplier) - 1)
        return cell


def _along(rates: Float64, values: Float64) -> Float64:
    return rates.reshape((-1,) + (1,) * np.ndim(values))


class MixtureHazard:
    """A calendar hazard whose components have fixed weights: integrals are one number per (time, elapsed)."""

    def __init__(self, multiplier: Float64, weights: Sequence[float], scales: Sequence[float]) -> None:
        self.components = CalendarHazard(multiplier, scales)
        self.weights: Float64 = np.asarray(weights, np.float64)
        self._marked: Int64 = np.concatenate([[0], np.cumsum(multiplier != 1.0)])

    def plain(self, first: float, last: float) -> bool:
        """Whether the multiplier is 1 all the way between the two times."""
        low, high = np.clip([int(first), int(last) + 1], 0, len(self._marked) - 1)
        return bool(self._marked[low] == self._marked[high])

    def mass(self, time: Float64, elapsed: Float64) -> Float64:
        """Return the integrated hazard of a unit level, same shape as ``time``."""
        if len(time) and self.plain(float(time.min()), float((time + elapsed).max())):
            fade = np.exp(-_along(self.components.rates, time) * elapsed)
            alone: Float64 = self.weights.sum() - _dot(self.weights, fade)
            return alone
        return _dot(self.weights, self.components.mass(time, elapsed))

    def times(self, time: Float64, level: Float64, target: Float64, longest: Float64) -> Float64:
        """Return the time at which level times `mass` reaches ``target`` (it must, by ``longest``)."""
        return invert(lambda elapsed: level * self.mass(time, elapsed), target, longest)


@dataclass(frozen=True, slots=True)
class PayHazards:
    """The two calendar parts of the pay hazard: felt by all alike, and through the deal response."""

    common: CalendarHazard
    deal: CalendarHazard
    deal_cells: tuple[int, int]
    """First cell in which ``deal`` is not zero, and the first one from which it stays zero."""

    def deal_matters(self, first: float, last: float) -> bool:
        """Whether the deal part is anywhere above zero between the two times."""
        return self.deal_cells[0] < last and first < self.deal_cells[1]


class Considering:
    """The state of clicks that may still pay: cumulative hazard of leaving it, click by click.

    ``level`` has shape (n,), ``profile`` (components, n) and sums to 1 per click, ``response`` (n,)
    multiplies the deal part. ``whole`` is the integrated hazard over ``longest`` hours. ``revisit``: what ends it for some
    at a sale's opening (set by `Mechanism.considering`); the hazards here are those of who does not come back.
    """

    def __init__(
        self,
        hazards: PayHazards,
        time: Float64,
        *,
        level: Float64,
        profile: Float64,
        response: Float64,
        longest: float,
    ) -> None:
        self.hazards, self.time, self.longest = hazards, time, longest
        self.weights: Float64 = profile * level
        self.response = response
        self.revisit: Revisit | None = None
        ends = (float(time.min()), float(time.max()) + longest) if len(time) else (0.0, 0.0)
        self.has_deal = hazards.deal_matters(*ends)
        start = hazards.common.remaining(time)
        if self.has_deal:
            start += response * hazards.deal.remaining(time)
        self.total: Float64 = _dot(self.weights, start)
        self.whole: Float64 = self.cumulative(longest)

    def cumulative(self, elapsed: float | Float64) -> Float64:
        """Return the integrated hazard up to ``elapsed`` hours after each click; one number, or one per
        click.
        """
        common, deal = self.hazards.common, self.hazards.deal
        cell = common.cell(self.time + elapsed)
        to_edge = cell + 1 - self.time
        level = common.multiplier.take(cell)
        if self.has_deal:
            level += self.response * deal.multiplier.take(cell)
        result = self.total.copy()
        for k, rate in enumerate(common.rates):
            gap = common.gap[k].take(cell)
            if self.has_deal:
                gap += self.response * deal.gap[k].take(cell)
            gap *= np.exp(-rate * to_edge)
            gap += np.exp(-rate * elapsed) * level
            gap *= self.weights[k]
            result -= gap
        return result

    def cumulative_at(self, edge: Int64) -> Float64:
        """Return the integrated hazard up to a whole calendar hour per click (not before the click)."""
        common, deal = self.hazards.common, self.hazards.deal
        result, wait = self.total.copy(), edge - self.time
        for k, rate in enumerate(common.rates):
            left = common.edge[k].take(edge)
            if self.has_deal:
                left += self.response * deal.edge[k].take(edge)
            left *= np.exp(-rate * wait)
            left *= self.weights[k]
            result -= left
        return result

    def take(self, index: Int64 | Bool | slice) -> Considering:
        """Return the same state for some of the clicks."""
        part = object.__new__(Considering)
        part.hazards, part.longest, part.has_deal = self.hazards, self.longest, self.has_deal
        part.time, part.response = self.time[index], self.response[index]
        part.revisit = None if self.revisit is None else self.revisit.take(index)
        part.weights, part.total, part.whole = self.weights[:, index], self.total[index], self.whole[index]
        return part


def _dot(weights: Float64, values: Float64) -> Float64:
    result: Float64 = weights[0] * values[0]
    for k in range(1, len(weights)):
        result += weights[k] * values[k]
    return result


def invert(cumulative: Callable[[Float64], Float64], target: Float64, upper: Float64) -> Float64:
    """Solve cumulative(elapsed) = target for elapsed in (0, upper]; exact inverse sampling for Exp(1)
    targets.

    ``cumulative`` must not decrease, and must reach ``target`` by ``upper``. A bracketing secant method
    (Illinois) on v = (elapsed / upper)^(1/4), which spreads the fast components out; a step that leaves too
    little of the bracket is replaced by halving it. The result meets its target to one part in 10^10, or v to
    10^-9.
    """
    low, high = np.zeros_like(upper), np.ones_like(upper)
    below, above = -target, cumulative(upper) - target
    last = np.zeros(len(upper), np.int8)
    for step in range(MOST_STEPS):
        width = high - low
        if not len(width) or width.max() < CLOSE:
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            share = below / (below - above)
        halve = ~((share > 0.0) & (share < 1.0)) | (step > PATIENCE)
        middle = low + width * np.where(halve, 0.5, share)
        value = cumulative(upper * middle**4) - target
        left = value < 0
        found = np.abs(value) <= EXACT * target
        # Illinois: an end that stays twice has its value halved, so that the other end moves next.
        above = np.where(left, np.where(last == 1, 0.5 * above, above), value)
        below = np.where(left, value, np.where(last == -1, 0.5 * below, below))
        low, high = np.where(left | found, middle, low), np.where(left & ~found, high, middle)
        last = np.where(left, 1, -1).astype(np.int8)
    return upper * high**4
