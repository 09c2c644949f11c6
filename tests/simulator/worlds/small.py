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


@dataclass
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
    gmv: np.ndarray


def outcome(day: WorldDay, phase: str) -> Outcome:
    """Read labels off a day's events, with windows inclusive."""
    n, events = len(day.time), day.events
    pay = events.kind == Kind.PAY
    first = np.full(n, 1 << 62)
    np.minimum.at(first, events.row[pay], events.time[pay])
    inside = pay & (events.time <= day.time[events.row] + WINDOWS.attribution)
    refund = np.zeros(n, bool)
    back = events.kind == Kind.REFUND
    refund[events.row[back & (events.time <= first[events.row] + WINDOWS.refund)]] = True
    gmv = np.bincount(events.row[inside], events.amount[inside], minlength=n)
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
        gmv,
    )


def phase_of(day: int) -> str:
    """Name the phase of a day of the world with a sale."""
    if day < SALE_DAY - 6:
        return "before"
    if day < SALE_DAY - 3:
        return "onset"
    if day < SALE_DAY:
        return "anticipation"
    return "sale" if day == SALE_DAY else "after"
