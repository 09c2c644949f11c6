"""The tags of a log of which clicks are missing."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from learners.auxiliary.true_tag import TrueTag
from simulator.learning import Clicks
from simulator.log.memory import random_log
from simulator.log.without import Lost, Without
from simulator.randomness import generator
from simulator.units import DAY
from simulator.windows import Windows

WINDOWS = Windows(DAY, 0)


class Left(Without):
    """A log of which half is lost, known to its end."""

    meta = SimpleNamespace(observed_until=10 * DAY)


def test_every_click_that_is_left_has_its_own_tag():
    log = random_log(generator(3, "tags"), 200, WINDOWS, days=3)
    left = Left(log, Lost(np.empty(0, np.int64), np.arange(0, 150, 2)))
    materials = SimpleNamespace(history=SimpleNamespace(log=left, windows=WINDOWS))
    tags = TrueTag(served=True).prepare(materials)
    again = np.concatenate([labels.pay_count > 1 for _, labels in log.labelled(WINDOWS)])
    rows = np.setdiff1d(np.arange(200), left.lost.clicks)
    assert again[rows].any()
    assert not again[rows].all()
    asked = Clicks(rows, log.click_time[rows], np.empty((len(rows), 0), np.int32))
    np.testing.assert_array_equal(tags.of_clicks(asked)["repurchase"], again[rows])
