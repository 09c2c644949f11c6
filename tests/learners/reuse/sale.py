"""A small log with a sale in its stream, and learners on it."""

from __future__ import annotations

import numpy as np

from learners.build import build_learner
from learners.kit.ground import (
    DAYS,
    HISTORY,
    LEARNER,
    OBSERVATION,
    WINDOWS,
    TrialLog,
    delivered,
    resolved,
    trial_log,
)
from simulator.calendar import Calendar, Promotion
from simulator.learning import PREDICTIONS, Clicks, Question
from simulator.pipeline.mailbox import mini_batches
from simulator.units import DAY, HOUR

OPENING, END = 6 * DAY, 7 * DAY + 12 * HOUR
CALENDAR = Calendar((Promotion("past", 2 * DAY, 3 * DAY, DAY), Promotion("sale", OPENING, END, DAY)))
MOMENT = OPENING + 10 * HOUR
"""When the first hours of the sale are over."""


def learner_of(cache, log=None, *, calendar=CALENDAR, **method):
    """Build a method on the log that parts are tried on, or on one of one's own."""
    log = TrialLog(trial_log(), "kit") if log is None else log
    return build_learner(
        resolved(**method),
        log=log,
        windows=WINDOWS,
        history=HISTORY,
        observation=OBSERVATION,
        learner=LEARNER,
        seed=1,
        cache=cache,
        calendar=calendar,
    )


def clicks_from(start, end):
    """Return the clicks of a span as they are served."""
    log = trial_log()
    row = np.arange(*np.searchsorted(log.click_time, (start, end)))
    return Clicks(row, log.click_time[row], log.feature_matrix[row])


def served(learner, clicks):
    """Ask for the conversion rate of clicks."""
    return learner.ask(Question(PREDICTIONS, clicks))["cvr"]


def streamed(learner, *, until=END + 12 * HOUR, every=6 * HOUR, save=None, stop=None):
    """Serve, learn and publish from the fifth day on; return what was served, by the end of its segment."""
    samples, found = delivered(until=DAYS * DAY), {}
    if stop is None or stop > 4 * DAY:
        learner.publish(4 * DAY)
    for now in range(4 * DAY + every, until + 1, every):
        if stop is not None and now > stop:
            break
        found[now] = served(learner, clicks_from(now - every, now))
        seen = (samples.visible_time >= now - every) & (samples.visible_time < now)
        for batch in mini_batches(samples[seen], 64):
            learner.learn(batch)
        learner.publish(now)
        if now == save:
            learner.save()
    return found
