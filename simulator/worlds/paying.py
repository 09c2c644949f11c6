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
from simulator.worlds.revisit import Revisit

BLOCK = 8_192
"""Clicks at a time: their columns stay in the processor's cache."""
SHORT = 0.5
"""Hours up to which an observation window is one part in `delayed_pay`; it errs by less than .1 % there."""
LONG_PARTS = 4
"""Parts of a longer one, dense where it begins: errs by .5 % at six hours, by 3 % at worst at a day."""


@dataclass(frozen=True, slots=True)
class Paying:
    """Probabilities inside a horizon: ``direct`` (n,) of paying without waiting; ``waited`` (promotions, n) of
    beginning to wait; ``back`` (promotions, n) of having waited, come back and paid; ``revisited`` (promotions, n) of
    having come back at the opening without having waited, and paid (None in worlds where nobody does).
    """

    direct: Float64
    waited: Float64
    back: Float64
    revisited: Float64 | None = None

    @property
    def returned(self) -> Float64:
        """P(pay after coming back at the opening) by promotion."""
        return self.back if self.revisited is None else self.back + self.revisited

    @property
    def total(self) -> Float64:
        """P(pay)."""
        result: Float64 = self.direct + self.returned.sum(0)
        return result


def pay_probabilities(
    state: Considering, horizon: float | Float64, waiting: Waiting, chance: Float64 | None = None
) -> Paying:
    """Return the probabilities of paying inside ``horizon`` hours (one number, or one per click).

    Leaving the state "considering" in a calendar interval where the chance to wait is w has probability
    S(interval's start) - S(its end); a share w of it comes back after the opening with the chance that falls
    inside the horizon. Of those who still consider at the opening, ``chance`` (default: `Revisit.chance`) come back,
    and so many less leave later.
    """
    time, n, revisit = state.time, len(state.time), state.revisit
    whole = np.ndim(horizon) == 0 and horizon == state.longest
    survival = np.exp(-(state.whole if whole else state.cumulative(horizon)))
    back = np.zeros((len(waiting.times), n))
    if not n:
        return Paying(1.0 - survival, back, back)
    end = time + horizon
    lost = None
    if revisit is not None:
        lost = revisit.chance if chance is None else chance
    waited = back
    if waiting.between(float(time.min()), float(end.max())):
        waited = _waited(state, end, survival, waiting, lost)
        back = np.zeros_like(waited)
        for sale, (returns, since) in enumerate(zip(waiting.returns, waiting.since(end), strict=True)):
            back[sale] = waited[sale] * returns * since
    direct = 1.0 - survival
    revisited = None
    if revisit is not None and lost is not None:
        still = revisit.still
        direct -= lost * np.maximum(still - survival, 0.0)
        revisited = np.zeros_like(back)
        for sale, since in enumerate(waiting.since(end)):
            mine = revisit.sale == sale
            revisited[sale, mine] = (lost * still * since)[mine]
    if waited is not back:
        direct -= waited.sum(0)
    return Paying(direct, waited, back, revisited)


def _waited(
    state: Considering, end: Float64, survival: Float64, waiting: Waiting, lost: Float64 | None
) -> Float64:
    """Return the chance to begin to wait before ``end``, by promotion; ``lost`` come back at the opening and do not."""
    time, n = state.time, len(state.time)
    waited, before = np.zeros((len(waiting.times), n)), np.ones(n)
    edges = np.append(waiting.edges, np.iinfo(np.int64).max)
    entry, clicks = waiting.entry(time), np.arange(n)
    kept = np.ones(n)
    while True:
        edge = edges[entry]
        inside = np.flatnonzero(edge < end)
        after = survival.copy()
        part = state if len(inside) == n else state.take(inside)
        after[inside] = np.exp(-part.cumulative_at(edge[inside]))
        share = waiting.chance[entry] * (before - after)
        waited[waiting.sale[entry], clicks] += share if lost is None else share * kept
        if not len(inside):
            return waited
        before = after
        entry = entry + (edge < end)
        if lost is not None and state.revisit is not None:
            kept = np.where(edge >= state.revisit.opening, 1.0 - lost, kept)


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
    cart = cart_level * mechanism.cart.mass(state.time, np.full(len(end), window))
    without = np.exp(-cart)
    if state.revisit is not None:
        return _delayed_or_back(mechanism, state, state.revisit, cart_level, cart, whole.total - early.total)
    returned = _returning(early, waiting, end)
    survival = 1.0 - early.direct - early.waited.sum(0)
    none = survival * without + early.direct * _without_cart(mechanism, state, cart_level, window)
    delayed = np.maximum(whole.total - early.total - returned, 0.0)
    some = np.maximum(1.0 - none, 1e-300)
    return (delayed * (1.0 - without) + returned) / some, delayed * without / none


def _returning(early: Paying, waiting: Waiting, end: Float64) -> Float64:
    """Return the chance to have waited inside the observation window, and to come back after it and before ``end``."""
    returned: Float64 = -early.back.sum(0)
    for sale, (returns, since) in enumerate(zip(waiting.returns, waiting.since(end), strict=True)):
        if early.waited[sale].any():
            returned += early.waited[sale] * returns * since
    return returned


def _delayed_or_back(
    mechanism: Mechanism,
    state: Considering,
    revisit: Revisit,
    cart_level: Float64,
    cart: Float64,
    delayed: Float64,
) -> tuple[Float64, Float64]:
    """Return what `delayed_pay` does where some come back at an opening, of P(pay after the window) = ``delayed``.

    Those without a cart have a chance of their own to come back. Where the opening lies inside the window, who comes back
    puts nothing in the cart any more, and those who leave after it are fewer.
    """
    window, waiting = mechanism.observation, mechanism.schedule.waiting
    inside = revisit.opening < state.time + window
    chance = revisit.chance_without(cart)
    whole = pay_probabilities(state, mechanism.attribution, waiting, chance)
    early = pay_probabilities(state, window, waiting, chance)
    assert whole.revisited is not None
    assert early.revisited is not None
    end = state.time + mechanism.attribution
    back = (whole.revisited - early.revisited).sum(0)
    late = np.maximum(whole.total - early.total - _returning(early, waiting, end) - back, 0.0)
    cut = np.minimum(window, revisit.opening - state.time)
    without, before = np.exp(-cart), np.exp(-cart_level * mechanism.cart.mass(state.time, cut))
    unpaid = before * back + without * late
    first = pay_probabilities(state, cut, waiting, chance).direct
    came = np.where(inside, chance * revisit.still, 0.0)
    none = (1.0 - early.direct - early.waited.sum(0) - came) * without + before * came
    # Those who left: before the opening, and after it.
    left, later = (-np.expm1(-state.cumulative(until)) for until in (cut, np.full_like(cut, window)))
    none += first * (share := _without_cart(mechanism, state, cart_level, cut))
    gone = np.maximum(later - left, 1e-300)
    after = later * _without_cart(mechanism, state, cart_level, window) - left * share
    none += np.where(inside, (early.direct - first) * np.clip(after / gone, 0.0, 1.0), 0.0)
    return (delayed - unpaid) / np.maximum(1.0 - none, 1e-300), unpaid / none


def _without_cart(
    mechanism: Mechanism, state: Considering, cart_level: Float64, window: float | Float64
) -> Float64:
    """Return E[e^-K(L) | leaving at L, inside the window]."""
    parts = 1 if mechanism.observation <= SHORT else LONG_PARTS
    none = np.zeros_like(cart_level)
    left, carted, before = np.zeros_like(none), np.zeros_like(none), np.ones_like(none)
    for end in (window * share for share in (np.arange(1, parts + 1) / parts) ** 3):
        leave = state.cumulative(end)
        cart = cart_level * mechanism.cart.mass(state.time, np.full(len(none), end))
        after, gone = np.exp(-leave - cart), leave - left
        total = gone + cart - carted
        none += (before - after) * np.divide(gone, total, out=np.zeros_like(none), where=total > 0)
        left, carted, before = leave, cart, after
    result: Float64 = np.divide(none, -np.expm1(-left), out=np.ones_like(none), where=left > 0)
    return result
