"""Probabilities of paying, in closed form: at once, after waiting for a sale, and after a cart or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Float64
from simulator.worlds.affinity import Visit
from simulator.worlds.hazards import Considering
from simulator.worlds.levels import Levels
from simulator.worlds.mechanism import Mechanism
from simulator.worlds.promotion import Waiting

BLOCK = 8_192
"""Clicks at a time: their columns stay in the processor's cache."""
SHORT = 0.5
"""Hours up to which an observation window is one part in `delayed_pay`; it errs by less than .1 % there."""
LONG_PARTS = 4
"""Parts of a longer one, dense where it begins: errs by .5 % at six hours, by 3 % at worst at a day."""


@dataclass(frozen=True, slots=True)
class Paying:
    """Probabilities inside a horizon: ``direct`` (n,) of paying without waiting; ``waited`` (promotions, n) of
    beginning to wait; ``back`` (promotions, n) of having waited, come back and paid.
    """

    horizon: float
    direct: Float64
    waited: Float64
    back: Float64

    @property
    def total(self) -> Float64:
        """P(pay)."""
        result: Float64 = self.direct + self.back.sum(0)
        return result


def pay_probabilities(state: Considering, horizon: float, waiting: Waiting) -> Paying:
    """Return the probabilities of paying inside ``horizon`` hours.

    Leaving the state "considering" in a calendar interval where the chance to wait is w has probability
    S(interval's start) - S(its end); a share w of it comes back after the opening with the chance that falls
    inside the horizon.
    """
    time, n = state.time, len(state.time)
    survival = np.exp(-(state.whole if horizon == state.longest else state.cumulative(horizon)))
    back = np.zeros((len(waiting.times), n))
    if not n or not waiting.between(float(time.min()), float(time.max()) + horizon):
        return Paying(horizon, 1.0 - survival, back, back)
    waited, end, before = np.zeros_like(back), time + horizon, np.ones(n)
    edges = np.append(waiting.edges, np.iinfo(np.int64).max)
    entry, clicks = waiting.entry(time), np.arange(n)
    while True:
        edge = edges[entry]
        inside = np.flatnonzero(edge < end)
        after = survival.copy()
        part = state if len(inside) == n else state.take(inside)
        after[inside] = np.exp(-part.cumulative_at(edge[inside]))
        waited[waiting.sale[entry], clicks] += waiting.chance[entry] * (before - after)
        if not len(inside):
            break
        before = after
        entry = entry + (edge < end)
    for sale, (opening, returns, times) in enumerate(
        zip(waiting.opening, waiting.returns, waiting.times, strict=True)
    ):
        back[sale] = waited[sale] * returns * times.cdf(end - opening)
    return Paying(horizon, 1.0 - survival - waited.sum(0), waited, back)


def pay_by_intent(
    mechanism: Mechanism, levels: Levels, time: Float64, visit: Visit, chances: Sequence[Float64]
) -> Float64:
    """Return P(pay inside the attribution window) of clicks at ``time`` (hours): with their own intent, and then with one
    drawn by each of ``chances``, each of shape (points,); shape (1 + chances, n).
    """
    result = np.zeros((1 + len(chances), len(time)))
    waiting = mechanism.schedule.waiting
    for first in range(0, len(time), BLOCK):
        part = slice(first, first + BLOCK)
        some = visit.take(part)
        if some.hidden is None:
            state = mechanism.considering(time[part], some, levels)
            result[:, part] = pay_probabilities(state, mechanism.attribution, waiting).total
            continue
        for point in range(len(mechanism.hidden.value)):
            state = mechanism.considering(time[part], some, levels, np.full(len(some.user), point))
            paid = pay_probabilities(state, mechanism.attribution, waiting).total
            np.copyto(result[0, part], paid, where=some.hidden == point)
            for row, chance in enumerate(chances, start=1):
                result[row, part] += chance[point] * paid
    return result


def delayed_pay(
    mechanism: Mechanism, state: Considering, cart_level: Float64, whole: Paying, early: Paying
) -> tuple[Float64, Float64]:
    """Return P(pay after the observation window | a cart inside it) and P(the same | no cart inside it).

    With H and K the integrated hazards of leaving "considering" and of an ordinary cart at the window's end,
    and A the chance to have waited inside it and to come back after it (which takes a cart):

        P(delayed, no cart) = (P(delayed) - A) e^-K,    P(no cart) = e^-(H + K) + P(direct pay) E[e^-K(leaving)].

    The expectation, over who leaves inside the window, is exact if leaving and carts keep one ratio of hazards
    inside each part of it: one part, or four if it is long.
    """
    window, waiting = mechanism.observation, mechanism.schedule.waiting
    end = state.time + mechanism.attribution
    returned = -early.back.sum(0)
    for sale, (opening, returns, times) in enumerate(
        zip(waiting.opening, waiting.returns, waiting.times, strict=True)
    ):
        if early.waited[sale].any():
            returned += early.waited[sale] * returns * times.cdf(end - opening)
    cart = cart_level * mechanism.cart.mass(state.time, np.full(len(end), window))
    without = np.exp(-cart)
    survival = 1.0 - early.direct - early.waited.sum(0)
    none = survival * without + early.direct * _without_cart(mechanism, state, cart_level)
    delayed = np.maximum(whole.total - early.total - returned, 0.0)
    some = np.maximum(1.0 - none, 1e-300)
    return (delayed * (1.0 - without) + returned) / some, delayed * without / none


def _without_cart(mechanism: Mechanism, state: Considering, cart_level: Float64) -> Float64:
    """Return E[e^-K(L) | leaving at L, inside the observation window]."""
    parts = 1 if mechanism.observation <= SHORT else LONG_PARTS
    ends = mechanism.observation * (np.arange(1, parts + 1) / parts) ** 3
    none = np.zeros_like(cart_level)
    left, carted, before = np.zeros_like(none), np.zeros_like(none), np.ones_like(none)
    for end in ends:
        leave = state.cumulative(float(end))
        cart = cart_level * mechanism.cart.mass(state.time, np.full(len(none), end))
        after, gone = np.exp(-leave - cart), leave - left
        total = gone + cart - carted
        none += (before - after) * np.divide(gone, total, out=np.zeros_like(none), where=total > 0)
        left, carted, before = leave, cart, after
    result: Float64 = np.divide(none, -np.expm1(-left), out=np.ones_like(none), where=left > 0)
    return result
