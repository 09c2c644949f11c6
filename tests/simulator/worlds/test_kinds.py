"""Every kind of promotion, and every dial that could break the truth: empirical rates against it, phase by phase."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.log.schema import Kind
from simulator.units import HOUR
from simulator.worlds.promotion_kinds import KINDS
from tests.simulator.worlds.small import LIMIT, outcome, world, z_values

START = 6
BASE = {"days": 13, "clicks_per_day": 9_000, "cvr": 0.12}
LENGTH = {"multi-day": 3}


def phases(kind):
    last = START + LENGTH.get(kind, 1)
    names = ["before"] * 2 + ["onset"] * (START - 4) + ["anticipation"] * 2 + ["sale"] * (last - START)
    return [*names, "day after", *["second wave"] * 2, *["after"] * 20]


def live(kind, seed=5, **settings):
    sale = {"name": kind, "start": f"{START}d", "kind": kind} | settings.pop("sale", {})
    return list(world(seed=seed, **BASE | settings, promotion=[sale]).days())


DELAYS = {"sale": {"delay": {"lengthen": 1.5, "shorten": 1.5}}}
HIDDEN = {"confounder": {"strength": 1.0}}
RHYTHM = {
    "repurchase": {"rhythm": 0.8},
    "delay": {"user_slope": 1.5},
    "amount": {"again": -0.3, "growth": 0.2},
}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        *((kind, {}) for kind in KINDS),
        ("one-day", DELAYS),
        ("one-day", HIDDEN),
        ("coupon-return", RHYTHM),
        ("presale", DELAYS | HIDDEN),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value) or "defaults",
)
def test_the_truth_holds_in_every_phase(kind, settings):
    outcomes = [outcome(day, phase) for day, phase in zip(live(kind, **settings), phases(kind), strict=False)]
    for phase in {o.phase for o in outcomes}:
        for name, z in z_values(outcomes, phase).items():
            assert abs(z) < LIMIT, (phase, name)


def pays(days, first=False):
    """Pays by hour from the opening on (index 0 is the hour START days into the log)."""
    times = []
    for day in days:
        e = day.events
        own = e.kind == Kind.PAY
        if first:
            seen = np.zeros(len(day.time), bool)
            rows = np.flatnonzero(own)
            _, index = np.unique(e.row[rows], return_index=True)
            own = np.zeros(len(e), bool)
            own[rows[index]] = True
            del seen
        times.append(e.time[own])
    hour = np.concatenate(times) // HOUR
    return np.bincount(hour, minlength=24 * 20)
