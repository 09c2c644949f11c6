"""A forked replay goes on as one that was there from the start, and the two do not see each other."""

from __future__ import annotations

import numpy as np

from simulator.audit import AnyModel
from simulator.engine import Engine
from simulator.log.memory import MemoryLog, random_log
from simulator.randomness import generator
from simulator.samples import Samples
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.simulator.engine.replay import assert_same, built_in
from tests.simulator.policies.cheats import CountsPays

WINDOWS = Windows(DAY, DAY)
POLICIES = {
    **{name: policy for name, policy in built_in(HOUR).items() if not policy.peeks},
    "memory": CountsPays(),
}


def engine_on(log: MemoryLog) -> Engine:
    advisors = {key: AnyModel() for key in POLICIES}
    return Engine(log, WINDOWS, POLICIES, start=0, features=True, advisors=advisors)


def go_on(engine: Engine, until: int) -> dict[str, Samples]:
    ticks = []
    while engine.now < until:
        edge = engine.now + 5 * HOUR
        ticks.append(engine.advance(edge, segment_end=edge % (10 * HOUR) == 0).samples)
    return {key: Samples.concatenate([tick[key] for tick in ticks]) for key in POLICIES}


def same(a: dict[str, Samples], b: dict[str, Samples]) -> None:
    for key in POLICIES:
        assert_same(a[key], b[key], key)


def test_a_fork_is_a_replay_from_the_start():
    log, other = (random_log(generator(seed, "fork"), 400, WINDOWS, days=5) for seed in (1, 1))
    at = 50 * HOUR
    # The other log differs from there on: its later clicks are left out, and its later amounts are doubled.
    clicks = int(np.searchsorted(other.click_time, 70 * HOUR))
    other.event.amount[other.event.time >= at] *= 2
    event = other.event[other.event.row < clicks]
    other = MemoryLog(
        other.click_id[:clicks],
        other.click_time[:clicks],
        event,
        other.feature_matrix[:clicks],
        0,
        other.features,
    )
    alone = engine_on(log)
    go_on(alone, at)
    expected_rest = go_on(alone, 6 * DAY)
    through = engine_on(other)
    go_on(through, at)
    expected_fork = go_on(through, 6 * DAY)
    engine = engine_on(log)
    go_on(engine, at)
    fork = engine.fork(other)
    same(go_on(fork, 6 * DAY), expected_fork)
    same(go_on(engine, 6 * DAY), expected_rest)
