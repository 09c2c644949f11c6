"""How long a step of the replay is: so long that it holds some thousands of clicks, since each step costs as such."""

from __future__ import annotations

from simulator.scenario.model import Scenario
from simulator.scenario.timeline import Extent
from simulator.units import HOUR, format_duration

CLICKS_A_TICK = 4096
"""On average. From here on a tick's own cost is small beside that of its clicks, and its arrays still fit the cache."""
STEPS = tuple(hours * HOUR for hours in (1, 2, 3, 4, 6, 8, 12, 24))
"""Divisors of a day. A dense log keeps an hour: what is held in memory does not grow with the density."""


def tick_of(scenario: Scenario, log: Extent | None) -> int:
    """Return the step of the replay: the one that is set, or the longest that holds about `CLICKS_A_TICK` clicks.

    Results do not depend on it. Where nothing is known of the log it is an hour.
    """
    if scenario.engine.tick is not None:
        return scenario.engine.tick
    if log is None or log.clicks is None:
        return STEPS[0]
    fitting = [
        step for step in STEPS if log.clicks * step <= CLICKS_A_TICK * (log.observed_until - log.start)
    ]
    return fitting[-1] if fitting else STEPS[0]


def said_of_tick(scenario: Scenario, log: Extent | None) -> str | None:
    """Say which step was chosen and by what; None where one is set."""
    if scenario.engine.tick is not None:
        return None
    if log is None or log.clicks is None:
        return "none (by the log's density, once it is known)"
    return f'"{format_duration(tick_of(scenario, log))}" (from the log\'s density)'
