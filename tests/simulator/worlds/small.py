"""Small worlds, and what came of their clicks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.log.schema import Kind
from simulator.units import SECOND
from simulator.windows import Windows
from simulator.worlds.generate import World, WorldDay
from simulator.worlds.settings import WorldSettings

WINDOWS = Windows()
OBSERVATION = 864 * SECOND
SALE_DAY = 9
SALE = {"name": "sale", "start": f"{SALE_DAY}d", "waiting": {"onset": "6d"}}


def world(seed: int = 5, **settings: object) -> World:
    """Return a world of the given settings."""
    return World(WorldSettings.model_validate(settings), WINDOWS, OBSERVATION, seed)


@dataclass(slots=True)
class Outcome:
    """What was true and what came of every click of a day."""

    day: int
    phase: str
    p_pay: np.ndarray
    p_observed: np.ndarray
    p_refund: np.ndarray
    expected: np.ndarray
    paid: np.ndarray
    observed: np.ndarray
    refunded: np.ndarray
    refunded_soon: np.ndarray
    """Inside an observation window that starts at the pay."""
    p_refund_soon: np.ndarray
    gmv: np.ndarray
    carted: np.ndarray
    """A cart inside the observation window."""
    p_delayed_cart: np.ndarray
    p_delayed_no_cart: np.ndarray


def outcome(day: WorldDay, phase: str) -> Outcome:
    """Read labels off a day's events, with windows inclusive."""
    n, events = len(day.time), day.events
    pay = events.kind == Kind.PAY
    first = np.full(n, 1 << 62)
    np.minimum.at(first, events.row[pay], events.time[pay])
    inside = pay & (events.time <= day.time[events.row] + WINDOWS.attribution)
    refund, soon = np.zeros(n, bool), np.zeros(n, bool)
    back = events.kind == Kind.REFUND
    refund[events.row[back & (events.time <= first[events.row] + WINDOWS.refund)]] = True
    soon[events.row[back & (events.time <= first[events.row] + OBSERVATION)]] = True
    gmv = np.bincount(events.row[inside], events.amount[inside], minlength=n)
    cart = (events.kind == Kind.CART) & (events.time <= day.time[events.row] + OBSERVATION)
    truth = day.truth
    return Outcome(
        day.day,
        phase,
        truth["p_pay"],
        truth["p_pay_observed"],
        truth["p_refund"],
        truth["expected_gmv"],
        first <= day.time + WINDOWS.attribution,
        first <= day.time + OBSERVATION,
        refund,
        soon,
        truth["p_refund_observed"],
        gmv,
        np.bincount(events.row[cart], minlength=n) > 0,
        truth["p_delayed_cart"],
        truth["p_delayed_no_cart"],
    )


LIMIT = 4.0
"""Of a standard normal: chance alone exceeds it once in sixteen thousand times."""


def joined(outcomes: list[Outcome], name: str, phase: str | None = None) -> np.ndarray:
    """Put a column of several days together, of one phase or of all."""
    return np.concatenate([getattr(o, name) for o in outcomes if phase in (None, o.phase)])


def z_of_rate(happened: np.ndarray, p: np.ndarray) -> float:
    """Return how many standard errors a count is off the sum of its probabilities."""
    return float((happened.sum() - p.sum()) / np.sqrt(max((p * (1 - p)).sum(), 1e-12)))


def z_of_mean(difference: np.ndarray) -> float:
    """Return how many standard errors a mean is off zero."""
    return float(difference.mean() / difference.std() * np.sqrt(len(difference)))


def z_values(outcomes: list[Outcome], phase: str | None = None) -> dict[str, float]:
    """Compare all that is said to be true of the clicks of a phase with what came of them."""
    get = {name: joined(outcomes, name, phase) for name in Outcome.__slots__ if name not in ("day", "phase")}
    paid, carted, delayed = get["paid"], get["carted"], get["paid"] & ~get["observed"]
    return {
        "pay": z_of_rate(paid, get["p_pay"]),
        "pay inside the observation window": z_of_rate(get["observed"], get["p_observed"]),
        "refund": z_of_rate(get["refunded"][paid], get["p_refund"][paid]),
        "refund inside an observation window": z_of_rate(
            get["refunded_soon"][paid], get["p_refund_soon"][paid]
        ),
        # Over the click's own scale: the same unit for all, and a lighter tail.
        "gmv": z_of_mean(get["gmv"] * get["p_pay"] / get["expected"] - get["p_pay"]),
        "delayed pay after a cart": z_of_rate(delayed[carted], get["p_delayed_cart"][carted]),
        "delayed pay without one": z_of_rate(delayed[~carted], get["p_delayed_no_cart"][~carted]),
    }


def phase_of(day: int) -> str:
    """Name the phase of a day of the world with a sale."""
    if day < SALE_DAY - 6:
        return "before"
    if day < SALE_DAY - 3:
        return "onset"
    if day < SALE_DAY:
        return "anticipation"
    return "sale" if day == SALE_DAY else "after"
