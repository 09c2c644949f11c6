"""The base levels of the hazards, solved so that the world has the rates its settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Float64, Int64
from simulator.logistic import expit
from simulator.worlds.affinity import DayMarket, Visit
from simulator.worlds.arrivals import Sampled
from simulator.worlds.confounder import Hidden
from simulator.worlds.constants import (
    LONG_OVER_SHORT_CVR,
    REFUND_LEVEL_PER_LOGIT,
)
from simulator.worlds.journey_settings import Delay
from simulator.worlds.loyalty import graded, repurchase_levels
from simulator.worlds.settings import WorldSettings

SAMPLE = 100_000
"""Clicks over the whole world on which the levels are solved: their mean p is known to about half a per cent.
"""


@dataclass(frozen=True, slots=True)
class Levels:
    """Base log-levels of the hazards; that of repurchases is relative to the level of each class. ``amount`` corrects the
    log-size of pays, so that its mean over paying clicks is that of the settings; ``deal`` the log of the deal response,
    so that its mean over them is 1.
    """

    pay: float
    cart: float
    refund: float
    repurchase: float = 0.0
    amount: float = 0.0
    deal: float = 0.0


@dataclass(slots=True)
class Reach:
    """Integrated unit hazards over the windows, promotions apart, for the clicks of a sample."""

    pay: Callable[[Int64, Float64], Float64]
    """(times, profile) to integrated hazard inside the attribution window."""
    cart: Callable[[Int64], Float64]
    refund: float


def profile(delay: Delay, eta: Float64, own: Float64, shift: Float64 | None = None) -> Float64:
    """Return each click's weights of the pay components (components, n).

    The fast profile's share grows with the log-hazard ``eta`` and the user's ``own`` level; ``shift`` is what
    a promotion adds to its log-odds.
    """
    odds = delay.fast + delay.fast_slope * eta
    if delay.user_slope:
        odds += delay.user_slope * own
    if shift is not None:
        odds += shift
    fast = expit(odds)
    quick, slow = np.array(delay.fast_profile), np.array(delay.slow_profile)
    result: Float64 = slow[:, None] + (quick - slow)[:, None] * fast
    return result


def refund_by_item(settings: WorldSettings, item_level: Float64, pay_level: float) -> Float64:
    """Return the shift of the refund log-level with the item's own CVR (falls with it, and turns up at the
    top, unless set otherwise).
    """
    first, second = settings.refund.by_cvr
    rate = LONG_OVER_SHORT_CVR * -np.expm1(-np.exp(pay_level + item_level))
    shift: Float64 = REFUND_LEVEL_PER_LOGIT * rate * (first + second * rate)
    return shift


def cart_level(settings: WorldSettings, hidden: Hidden, visit: Visit, point: Int64 | None = None) -> Float64:
    """Return each click's level of the cart hazard, its base left out; ``point`` takes the place of its own intent."""
    log = settings.cart.slope * visit.eta
    point = visit.hidden if point is None else point
    if point is not None:
        log += hidden.cart[point]
    if visit.prominence is not None:
        log += visit.prominence
    level: Float64 = np.exp(log)
    return level


def solve_levels(settings: WorldSettings, day: DayMarket, reach: Reach, seed: int) -> Levels:
    """Solve the base levels on a sample of all the world's days (``day`` is used up).

    Promotions are left out on purpose: adding one does not change what the world is without it.
    """
    per_day = max(SAMPLE // settings.days, 500)
    hidden = Hidden(settings.confounder)
    visits: list[Visit] = []
    paying, carts, items = [], [], []
    for number in range(settings.days):
        draws = Sampled(settings, seed, number, per_day)
        visit = day.visit(draws, np.zeros(per_day))
        eta = visit.eta
        if hidden.active:
            visit.hidden = hidden.of_clicks(draws.uniform("hidden"))
            eta = eta + hidden.pay[visit.hidden]
        paying.append(np.exp(eta) * reach.pay(draws.time, profile(settings.delay, eta, visit.own)))
        carts.append(cart_level(settings, hidden, visit) * reach.cart(draws.time))
        items.append(day.items.level[visit.slot])
        visits.append(visit)
        day.advance()
    hazard, item_level = np.concatenate(paying), np.concatenate(items)
    pay = solve(hazard, np.ones_like(hazard), settings.cvr)
    paid = -np.expm1(-np.exp(pay) * hazard)
    shape = refund_by_item(settings, item_level, pay) + np.concatenate([v.refund for v in visits])
    refund = solve(np.exp(shape) * reach.refund, paid, settings.refund.rate)
    cart = solve(np.concatenate(carts), np.ones_like(hazard), settings.cart.rate)
    amount = -float(np.average(np.concatenate([v.spending for v in visits]), weights=paid))
    deal = -float(np.log(np.average(np.concatenate([v.response for v in visits]), weights=paid)))
    return Levels(pay, cart, refund, _repurchase(settings, visits, paid), amount, deal)


def _repurchase(settings: WorldSettings, visits: Sequence[Visit], paid: Float64) -> float:
    """Return the log of what takes the mean level over paying clicks to ``first`` (the mean chance to that of ``first``
    where levels are graded): tiers and categories are few, and their own mean would differ by a sixth between worlds.
    """
    own = settings.repurchase
    levels = repurchase_levels(own)[np.concatenate([v.loyalty for v in visits])]
    if graded(own):
        # A mean of levels this far apart would hang on the few highest.
        return solve(levels, paid, -float(np.expm1(-own.first)))
    mean = float(np.average(levels, weights=paid))
    return float(np.log(own.first / mean)) if mean > 0 else 0.0


def solve(hazard: Float64, weight: Float64, target: float) -> float:
    """Find b with weighted mean of 1 - exp(-e^b hazard) equal to ``target``, by secant steps on ln(-ln(1 -
    mean)).
    """
    if not np.any(hazard * weight):
        return 0.0  # it can never happen (a refund window of 0s), whatever its level

    def miss(level: float) -> float:
        mean = np.average(-np.expm1(-np.exp(level) * hazard), weights=weight)
        return float(np.log(-np.log1p(-mean)) - np.log(-np.log1p(-target)))

    # scipy.optimize.newton takes the same steps but ends a rounding away, which moves events by a microsecond.
    older = float(np.log(-np.log1p(-target)) - np.log(np.average(hazard, weights=weight)))
    newer, missed = older + 0.1, miss(older)
    for _ in range(50):
        now = miss(newer)
        if abs(now) < 1e-12 or now == missed:
            break
        older, newer, missed = newer, newer - now * (newer - older) / (now - missed), now
    return newer
