"""Golden deliveries of GMV, worked out by hand. Times in hours after the click; attribution 168 h, refunds 72 h.

Each expected sample is (hour, role, gmv, pays so far, GMV before, hour of the pay before); None where there is none.
"""

from __future__ import annotations

import numpy as np
import pytest

from simulator.log.memory import MemoryLog
from simulator.log.schema import EventBatch, Kind
from simulator.policies import policy_from
from simulator.policies.checks import check_policy
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.simulator.engine.replay import replay

WINDOWS = Windows(7 * DAY, 3 * DAY)
PAY, REFUND = Kind.PAY, Kind.REFUND
CLICK = 1000 * HOUR

JOURNEYS = {
    "one": [(2, PAY, 30)],
    "two": [(2, PAY, 30), (50, PAY, 20)],
    "two-at-once": [(2, PAY, 10), (2, PAY, 20), (50, PAY, 5)],
    "five": [(1, PAY, 1), (2, PAY, 2), (3, PAY, 4), (30, PAY, 8), (160, PAY, 16)],
    "at-the-end": [(100, PAY, 7), (168, PAY, 3)],
    "first-at-the-end": [(168, PAY, 9)],
    "after-the-end": [(10, PAY, 7), (169, PAY, 3)],
    "refund-between": [(2, PAY, 30), (40, REFUND, 25), (50, PAY, 20)],
    "late-refund": [(120, PAY, 30), (190, REFUND, 30)],
    "too-late-refund": [(2, PAY, 30), (75, REFUND, 30)],
    "none": [],
}

PARTIAL = {
    "one": [(2, "partial", 30, 1, 0, None), (168, "final", 30, 1, 30, 2)],
    "two": [(2, "partial", 30, 1, 0, None), (50, "partial", 50, 2, 30, 2), (168, "final", 50, 2, 50, 50)],
    "two-at-once": [
        (2, "partial", 10, 1, 0, None),
        (2, "partial", 30, 2, 10, 2),
        (50, "partial", 35, 3, 30, 2),
        (168, "final", 35, 3, 35, 50),
    ],
    "five": [
        (1, "partial", 1, 1, 0, None),
        (2, "partial", 3, 2, 1, 1),
        (3, "partial", 7, 3, 3, 2),
        (30, "partial", 15, 4, 7, 3),
        (160, "partial", 31, 5, 15, 30),
        (168, "final", 31, 5, 31, 160),
    ],
    # A pay at the very end is a pay and no final label, whatever its time.
    "at-the-end": [
        (100, "partial", 7, 1, 0, None),
        (168, "partial", 10, 2, 7, 100),
        (168, "final", 10, 2, 10, 168),
    ],
    "first-at-the-end": [(168, "partial", 9, 1, 0, None), (168, "final", 9, 1, 9, 168)],
    "after-the-end": [(10, "partial", 7, 1, 0, None), (168, "final", 7, 1, 7, 10)],
    "refund-between": [
        (2, "partial", 30, 1, 0, None),
        (50, "partial", 50, 2, 30, 2),
        (168, "final", 50, 2, 50, 50),
    ],
    "none": [],
}
NET = {
    "refund-between": [
        (2, "partial", 30, 1, 0, None),
        (40, "refund", 5, 1, 30, 2),
        (50, "partial", 25, 2, 30, 2),
        (168, "final", 25, 2, 50, 50),
    ],
    # The window of the refund outlives that of the click: final is later, and lower.
    "late-refund": [(120, "partial", 30, 1, 0, None), (190, "refund", 0, 1, 30, 120), (192, "final", 0, 1, 30, 120)],
    "too-late-refund": [(2, "partial", 30, 1, 0, None), (168, "final", 30, 1, 30, 2)],
    "one": PARTIAL["one"],
    "five": PARTIAL["five"],
}  # fmt: skip
WINDOWED = {
    "one": [(24, "observed", 30, 1, 30, 2)],
    "two": [(24, "observed", 30, 1, 30, 2), (168, "final", 50, 2, 50, 50)],
    "five": [(24, "observed", 7, 3, 7, 3), (168, "final", 31, 5, 31, 160)],
    "at-the-end": [(168, "final", 10, 2, 10, 168)],
    "after-the-end": [(24, "observed", 7, 1, 7, 10)],
    "none": [],
}
EVERY = {
    "one": WINDOWED["one"],
    "two": WINDOWED["two"],
    "at-the-end": [
        (24, "observed", None, 0, 0, None),
        (168, "retraction", None, 2, 10, 168),
        (168, "final", 10, 2, 10, 168),
    ],
    "none": [(24, "observed", None, 0, 0, None)],
}
ORACLE = {
    "five": [(1, "oracle", 31, 1, 0, None)],
    "late-refund": [(120, "oracle", 30, 1, 0, None)],
    "none": [],
}
ORACLE_NET = {
    "refund-between": [(2, "oracle", 25, 1, 0, None)],
    "late-refund": [(120, "oracle", 0, 1, 0, None)],
}

CASES = [
    ({"kind": "partial-gmv"}, PARTIAL),
    ({"kind": "partial-gmv", "final": False}, {k: v[:-1] for k, v in PARTIAL.items()}),
    ({"kind": "partial-gmv", "partial": False}, {k: v[-1:] for k, v in PARTIAL.items()}),
    ({"kind": "partial-gmv", "net": True}, NET),
    ({"kind": "windowed-gmv", "window": "1d"}, WINDOWED),
    ({"kind": "windowed-gmv", "window": "1d", "corrections": False},
     {k: [s for s in v if s[1] == "observed"] for k, v in WINDOWED.items()}),
    ({"kind": "windowed-gmv", "window": "1d", "every": True}, EVERY),
    ({"kind": "oracle", "at": "first-pay"}, ORACLE),
    ({"kind": "oracle", "at": "first-pay", "net": True}, ORACLE_NET),
]  # fmt: skip


def delivered(spec, events):
    n = len(events)
    event = EventBatch(
        np.zeros(n, np.int64),
        np.arange(n),
        np.array([CLICK + hour * HOUR for hour, _, _ in events], np.int64),
        np.array([kind for _, kind, _ in events], np.uint8),
        np.array([amount for _, _, amount in events], np.float64),
    )
    log = MemoryLog(np.array([7]), np.array([CLICK]), event, None)
    return replay(log, WINDOWS, {"p": policy_from(spec)}, CLICK + 12 * DAY, 5 * DAY)["p"]


@pytest.mark.parametrize(
    ("spec", "journey", "expected"),
    [
        pytest.param(spec, journey, expected, id=f"{number}-{spec['kind']}-{journey}")
        for number, (spec, table) in enumerate(CASES)
        for journey, expected in table.items()
    ],
)
def test_golden_deliveries(spec, journey, expected):
    samples = delivered(spec, JOURNEYS[journey])
    hour = ((samples.event_time - CLICK) / HOUR).tolist()
    previous = [None if t < 0 else (t - CLICK) / HOUR for t in samples.previous_time.tolist()]
    gmv = [None if np.isnan(v) else v for v in samples.gmv.tolist()]
    roles = samples.role_names.tolist()
    found = list(
        zip(
            hour, roles, gmv, samples.pay_count.tolist(), samples.previous_gmv.tolist(), previous, strict=True
        )
    )
    assert found == expected
    np.testing.assert_array_equal(samples.weight, [-1.0 if role == "retraction" else 1.0 for role in roles])
    np.testing.assert_array_equal(samples.converted, [value is not None for value in gmv])


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "partial-gmv", "net": True},
        {"kind": "partial-gmv", "final": False},
        {"kind": "windowed-gmv", "window": "5h", "every": True},
        {"kind": "windowed-gmv", "window": "30d"},
    ],
)
def test_variants_conform(spec):
    passed = check_policy(policy_from(spec), clicks=150)
    assert "causal" in passed
    assert ("final" in passed) == ("net" not in spec)
