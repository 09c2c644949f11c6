"""How many passes over a history are enough: told by its last promotion, which is held out, in order of time."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace

from learners.history import History
from simulator.errors import RunError
from simulator.units import format_duration

LOGGER = logging.getLogger(__name__)


def enough(
    history: History, most: int, learn: Callable[[History, int], None], loss: Callable[[History], float]
) -> int:
    """Return after how many of at most ``most`` passes the last promotion of a history is foretold best.

    Passes are taken over what was clicked before its pre-promotion window, until one foretells window and sale worse.

    Parameters
    ----------
    learn : takes a pass over a span, given its number from 0 on.
    loss : says the mean loss on a span.

    Raises
    ------
    RunError : fewer than two promotions lie in the history, each with its window, or nothing of the last one is told.
    """
    before, last, name = _split(history)
    best, reached = 0, math.inf
    for number in range(most):
        learn(before, number)
        found = loss(last)
        if not found < reached:
            break
        best, reached = number + 1, found
    if not best:
        raise RunError(f"stop_early: nothing of the promotion {name!r}, which is held out, can be judged")
    LOGGER.info("%d of %d passes, told by the promotion %r", best, most, name)
    return best


def _split(history: History) -> tuple[History, History, str]:
    """Return the time before the last past promotion's window, that window with its sale, and the promotion's name."""
    past = [
        promotion
        for promotion in history.calendar.promotions
        if history.start <= promotion.start - promotion.anticipation and promotion.end <= history.end
    ]
    if len(past) < 2:
        known = ", ".join(repr(promotion.name) for promotion in past) or "none"
        raise RunError(
            f"stop_early asks for two promotions in the history, each with its anticipation: from the first one is learnt, by "
            f"the last one is judged. From {format_duration(history.start)} to {format_duration(history.end)} there is "
            f"{known}; lengthen [stream] history, or leave stop_early out"
        )
    begin = past[-1].start - past[-1].anticipation
    return replace(history, end=begin), replace(history, start=begin, end=past[-1].end), past[-1].name
