"""An engine that is told as things happen delivers what it delivers from a log at rest."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.engine import Engine
from simulator.errors import LogError
from simulator.log.memory import random_log
from simulator.log.pushed import Pushed
from simulator.policies import policy_from
from simulator.randomness import generator
from simulator.samples import Samples
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.simulator.engine.replay import assert_same, built_in, replay

WINDOWS = Windows(DAY, 6 * HOUR, 10 * HOUR)
POLICIES = {
    name: policy
    for name, policy in built_in(40 * MINUTE).items()
    if not (policy.peeks or policy.asks or policy.tells)
}


@pytest.mark.parametrize("lag", [0, 10 * HOUR])
def test_what_is_pushed_is_replayed(lag):
    log = random_log(generator(7, "log"), 300, WINDOWS, days=3, lag=lag)
    until = int(log.click_time[-1]) + WINDOWS.lifetime + 1
    source, rng = Pushed(log.features), np.random.default_rng(0)
    engine = Engine(source, WINDOWS, POLICIES, start=0, features=True)
    parts = {name: [] for name in POLICIES}
    now = 0
    while now < until:
        edge = min(now + int(rng.integers(1, 9)) * HOUR, until)
        for clicks in log.clicks(now, edge, batch_rows=5):
            source.push(clicks)
        for events in log.events(now, edge, batch_rows=7):
            source.push(events=events)
        for name, samples in engine.advance(edge).samples.items():
            parts[name].append(samples)
        now = edge
    whole = replay(log, WINDOWS, POLICIES, until, until, features=True)
    for name, samples in whole.items():
        assert_same(Samples.concatenate(parts[name]), samples, name)


def test_what_comes_too_late_is_refused():
    log = random_log(generator(7, "log"), 300, WINDOWS, days=3)
    (clicks,) = log.clicks()
    source = Pushed()
    engine = Engine(source, WINDOWS, {"p": policy_from("fake-negative")}, start=0)
    source.push(clicks[:50])
    engine.advance(int(clicks.time[80]))
    source.push(clicks[50:])
    with pytest.raises(LogError, match=r"the source gives a row of clicks of day .* allowed: sorted by time"):
        engine.advance(2 * DAY)


def test_nothing_of_the_future_is_known():
    with pytest.raises(LogError, match="no policy that peeks can run on it"):
        Engine(Pushed(), WINDOWS, {"p": policy_from("oracle")}, start=0)
