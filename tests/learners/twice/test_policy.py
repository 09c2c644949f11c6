"""Both clocks: what conversions carry, and what the auxiliary is told of clicks."""

from __future__ import annotations

import numpy as np

from learners.twice.policy import TwoClocks
from simulator.engine import Engine
from simulator.learning import PREDICTIONS
from simulator.log.memory import random_log
from simulator.randomness import generator
from simulator.units import DAY, HOUR
from simulator.windows import Windows

WINDOWS = Windows(2 * DAY, 0)
LOG = random_log(generator(1, "log"), 300, WINDOWS, days=4)


class Model:
    """Serves the click's row, and keeps what it is told."""

    def __init__(self):
        self.told = []

    def ask(self, question):
        assert question.name == PREDICTIONS
        return {"cvr": question.clicks.row / 1000}

    def tell(self, clicks, now, known):
        self.told.append((clicks, now, known["cvr"]))


def test_every_click_is_told_once_at_the_end_of_its_segment_with_what_was_served():
    model = Model()
    policies = {"p": TwoClocks(window="1h")}
    engine = Engine(LOG, WINDOWS, policies, start=0, stream_start=DAY, advisors={"p": model})
    for day in range(2, 6):
        engine.advance(day * DAY, segment_end=True)
    rows = np.concatenate([clicks.row for clicks, *_ in model.told])
    assert len(set(rows.tolist())) == len(rows)
    # Those of the two days before the stream are met at the first end, while they can still convert.
    known = np.flatnonzero(LOG.click_time > 2 * DAY - 1 - WINDOWS.attribution)
    np.testing.assert_array_equal(np.sort(rows), known)
    for clicks, now, rate in model.told:
        np.testing.assert_array_equal(rate, clicks.row / 1000)
        assert (clicks.time <= now).all()
        assert (clicks.time[clicks.time >= DAY] > now[0] - DAY).all()


def test_a_conversion_carries_how_late_it_was_known():
    engine = Engine(LOG, WINDOWS, {"p": TwoClocks(window="1h")}, start=0)
    found = engine.advance(7 * DAY).samples["p"]
    arrived = found.of_role("conversion")
    delay = found.column("delay")
    np.testing.assert_array_equal(delay[arrived], (found.visible_time - found.click_time)[arrived])
    assert np.isnan(delay[~arrived]).all()
    assert (found.elapsed[found.of_role("click")] == HOUR).all()
