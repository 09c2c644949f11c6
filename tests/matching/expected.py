"""Expected pays and carts by calendar hour, given a world's simulated clicks: counts without the noise of the draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Float64, Int64
from simulator.units import HOUR
from simulator.worlds.generate import World
from simulator.worlds.hazards import Considering
from simulator.worlds.levels import cart_level


@dataclass(slots=True)
class Counts:
    """By hour from the log's origin: clicks, expected first pays and carts, and first pays of clicks of an earlier
    calendar day. Pays can only be right from the first attribution window on.
    """

    clicks: Float64
    pays: Float64
    carts: Float64
    old: Float64

    def daily(self, name: str) -> Float64:
        """Return sums by day."""
        total: Float64 = getattr(self, name).reshape(-1, 24).sum(1)
        return total

    def per_click(self, name: str) -> Float64:
        """Return events of a day per click of that day."""
        rate: Float64 = self.daily(name) / self.daily("clicks")
        return rate


def expected(one: World) -> Counts:
    """Add up the probabilities of paying and of a cart, hour by hour, over all clicks of a world."""
    days, mechanism = one.settings.days, one.mechanism
    size = 24 * (days + int(np.ceil(mechanism.attribution / 24)) + 2)
    found = Counts(*(np.zeros(size) for _ in range(4)))
    for day, arrivals, visit, _ in one.visits():
        time = arrivals.time / HOUR
        found.clicks += np.bincount(arrivals.time // HOUR, minlength=size)
        state = mechanism.considering(time, visit, one.levels)
        level = np.exp(one.levels.cart) * cart_level(one.settings, mechanism.hidden, visit)
        _journeys(one, state, level, day, found)
    keep = slice(0, 24 * days)
    return Counts(found.clicks[keep], found.pays[keep], found.carts[keep], found.old[keep])


def _journeys(one: World, state: Considering, level: Float64, day: int, found: Counts) -> None:
    mechanism, time = one.mechanism, state.time
    waiting, end = mechanism.schedule.waiting, state.time + mechanism.attribution
    last = int(np.ceil(24 * (day + 1) + mechanism.attribution))
    before, carted = np.ones(len(time)), np.zeros(len(time))
    waited = np.zeros((len(waiting.times), len(time)))
    for hour in range(24 * day, last):
        inside = np.flatnonzero((time < hour + 1) & (end > hour))
        part = state.take(inside)
        whole = end[inside] <= hour + 1
        edge: Int64 = np.full(len(inside), hour + 1)
        after = np.exp(-np.where(whole, part.whole, part.cumulative_at(edge)))
        gone = before[inside] - after
        elapsed = np.minimum(hour + 1, end[inside]) - time[inside]
        reached = -np.expm1(-level[inside] * mechanism.cart.mass(time[inside], elapsed))
        still = 0.5 * (before[inside] + after)
        entry = int(waiting.entry(np.array([hour + 0.5]))[0])
        chance, sale = float(waiting.chance[entry]), int(waiting.sale[entry])
        direct = float(gone.sum()) * (1 - chance)
        found.pays[hour] += direct
        found.old[hour] += direct if hour >= 24 * (day + 1) else 0.0
        found.carts[hour] += float((still * (reached - carted[inside])).sum()) + float(gone.sum()) * chance
        if chance:
            waited[sale, inside] += chance * gone
        before[inside], carted[inside] = after, reached
    _returns(one, waited, end, day, found)


def _returns(one: World, waited: Float64, end: Float64, day: int, found: Counts) -> None:
    waiting = one.mechanism.schedule.waiting
    for sale, times in enumerate(waiting.times):
        who = np.flatnonzero(waited[sale])
        opening, left = int(waiting.opening[sale]), end[who] - waiting.opening[sale]
        mass, before = waited[sale, who] * waiting.returns[sale], np.zeros(len(who))
        for hour in range(int(times.length)):
            after = times.cdf(np.minimum(hour + 1.0, left))
            comes = float((mass * (after - before)).sum())
            found.pays[opening + hour] += comes
            found.old[opening + hour] += comes if opening + hour >= 24 * (day + 1) else 0.0
            before = after
