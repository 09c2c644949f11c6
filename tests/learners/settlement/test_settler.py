"""What the settler asks and when, which share of the window a segment is, and where in it its deliveries lie."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from learners.settlement.settler import Settler, spread
from simulator.log.memory import random_log
from simulator.policies import policy_from
from simulator.randomness import draws, generator
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.learners.settlement.test_policy import Fixed, any_evidence, replay, with_logits


class Items(SimpleNamespace):
    """As much of a batch as is read."""

    def __len__(self):
        return len(self.time)


def test_deliveries_are_spread_over_the_segment_that_ends():
    ids = np.arange(5_000)
    at = Items(time=np.full(len(ids), 109), click_id=ids, segment_start=100)
    found = spread(at, "test")
    np.testing.assert_array_equal(found, 100 + np.floor(draws(ids, "test", "order", 110) * 10))
    assert np.unique(found).tolist() == list(range(100, 110))


@pytest.mark.parametrize(("length", "share"), [(12 * HOUR, 0.25), (2 * DAY, 1.0), (5 * DAY, 1.0)])
def test_a_segment_is_at_most_the_whole_window(length, share):
    windows = Windows(2 * DAY, DAY)
    at = Items(time=np.array([DAY + length - 1]), segment_start=DAY, windows=windows)
    assert Settler(1.0, "posterior")._share(at) == share


def test_it_is_asked_of_no_time_after_the_window():
    """Where news come late, silence is settled for longer, and says no more after the last instant of the window."""
    windows = Windows(DAY, DAY, 2 * DAY)
    log = with_logits(random_log(generator(10, "log"), 200, windows, days=4, lag=2 * DAY))
    ages = []

    def evidence(clicks, now, journey):
        ages.append(now - clicks.time)
        return any_evidence(clicks, now, journey)

    replay(log, policy_from("posterior-settlement"), 8 * DAY, 5 * HOUR, Fixed(evidence), windows=windows)
    assert np.concatenate(ages).max() == DAY - 1
