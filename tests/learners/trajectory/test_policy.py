"""What the looks at a click carry, against a plain reading of its events one by one."""

from __future__ import annotations

import numpy as np
import pytest

from learners.trajectory.policy import Trajectory
from simulator.errors import ScenarioError
from simulator.log.memory import random_log
from simulator.log.schema import Kind
from simulator.policies import policy_from
from simulator.randomness import generator
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.simulator.engine.replay import log_of, replay


def looks(policy, log, windows):
    until = int(log.click_time[-1]) + windows.lifetime + 1
    found = replay(log, windows, {"p": policy}, until, 7 * HOUR)["p"]
    columns = (found.row, found.elapsed, found.role_names, found.converted)
    carried = (found.column(name) for name in ("horizon", "paid_from", "carted_from"))
    return sorted(zip(*(c.tolist() for c in (*columns, *carried)), strict=True), key=repr)


def plain(log, windows, ages):
    """Each look at each click: what of its events had become known."""
    inside = [age for age in ages if age < windows.attribution]
    ends = [*inside, windows.attribution + windows.lateness]
    event, found = log.event, []
    for row, clicked in enumerate(log.click_time.tolist()):
        first = {}
        for kind in (Kind.PAY, Kind.CART):
            own = (event.row == row) & (event.kind == kind)
            since = event.time[own] - clicked
            known = (event.arrival[own] - clicked)[(since >= 0) & (since <= windows.attribution)]
            first[kind] = next((h for h, end in enumerate(ends, 1) if (known <= end).any()), np.nan)
        for h, end in enumerate(ends, 1):
            pay, cart = (first[kind] if first[kind] <= h else np.nan for kind in (Kind.PAY, Kind.CART))
            role = "final" if h == len(ends) else "open"
            found.append((row, end, role, float(pay <= h), float(h), float(pay), float(cart)))
    return sorted(found, key=repr)


@pytest.mark.parametrize(
    ("windows", "lag"),
    [(Windows(DAY, DAY), 0), (Windows(2 * HOUR, 0), 0), (Windows(2 * DAY, DAY, 9 * HOUR), 9 * HOUR)],
)
def test_looks_tell_what_was_known_by_them(windows, lag):
    log = random_log(generator(4, "log"), 250, windows, days=3, lag=lag)
    policy = policy_from({"kind": "trajectory", "ages": ["10m", "1h", "5h", "1d"]})
    assert repr(looks(policy, log, windows)) == repr(plain(log, windows, policy.ages))


def test_an_age_is_inside_its_own_horizon():
    log = log_of([0, 0], [(0, 10 * MINUTE, Kind.CART, 0.0), (1, 10 * MINUTE + 1, Kind.CART, 0.0)])
    found = looks(Trajectory(ages=("10m", "1h")), log, Windows(DAY, 0))
    assert [(row, horizon) for row, *_, horizon in found if horizon == horizon] == [
        (0, 1.0), (0, 1.0), (0, 1.0), (1, 2.0), (1, 2.0),
    ]  # fmt: skip


@pytest.mark.parametrize("ages", [[], ["1h", "1h"], ["2h", "1h"], ["0s"], [f"{h}h" for h in range(1, 9)]])
def test_ages_grow_and_are_few(ages):
    with pytest.raises(ScenarioError):
        policy_from({"kind": "trajectory", "ages": ages})
