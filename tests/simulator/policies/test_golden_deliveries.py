"""Golden deliveries of the refund cascade: NetCVR (WWW 2026), all trajectories, every policy that has a row there.

The click is at 1000 s; observation windows 864 s, attribution windows 3 d. Each expected sample is (second, converted,
refunded); None where it says nothing. Rows of the paper's tables that only feed the refund tower have converted None.
"""

from __future__ import annotations

import numpy as np
import pytest

from simulator.log.memory import MemoryLog
from simulator.log.schema import EventBatch, Kind
from simulator.policies import policy_from
from simulator.units import DAY, SECOND
from simulator.windows import Windows
from tests.simulator.engine.replay import replay

WINDOWS = Windows(3 * DAY, 3 * DAY)
FOUR_DAYS = 4 * 86_400

TRAJECTORIES: dict[str, tuple[int | None, int | None]] = {
    "nConv": (None, None),
    "outAttr": (1000 + FOUR_DAYS, None),
    "iConv": (1300, None),
    "iC-outR": (1300, 1300 + FOUR_DAYS),
    "dConv": (4600, None),
    "iC-iR": (1300, 1500),
    "iC-dR": (1300, 91_300),
    "dC-iR": (4600, 5200),
    "dC-dR": (4600, 91_300),
}
"""Second of the pay and of the refund of each trajectory."""

C, E = 1864, 260_200
"""End of the observation window, and of the attribution window."""

N, P, R, K = (0, None), (1, 0), (None, 1), (None, 0)
"""Negative; positive that is a refund negative too; refund positive alone; refund negative alone."""
Y = (1, None)
"""Positive that says nothing of refunds."""

FNC = {
    "nConv": [(1000, *N)],
    "iConv": [(1000, *N), (1300, *P)],
    "dConv": [(1000, *N), (4600, *P)],
    "iC-iR": [(1000, *N), (1300, *P), (1500, *R)],
    "iC-dR": [(1000, *N), (1300, *P), (91_300, *R)],
    "dC-iR": [(1000, *N), (4600, *P), (5200, *R)],
    "dC-dR": [(1000, *N), (4600, *P), (91_300, *R)],
}
ES_DFM = {
    "nConv": [(C, *N)],
    "iConv": [(C, *P)],
    "dConv": [(C, *N), (4600, *P)],
    "iC-iR": [(1500, *R), (C, *P)],
    "iC-dR": [(C, *P), (91_300, *R)],
    "dC-iR": [(C, *N), (4600, *P), (5200, *R)],
    "dC-dR": [(C, *N), (4600, *P), (91_300, *R)],
}
DEFER = {
    "nConv": [(C, *N), (E, *N)],
    "iConv": [(1300, *P), (C, *P)],
    "dConv": [(C, *N), (4600, *P)],
    "iC-iR": [(1300, *P), (1500, *R), (C, *P)],
    "iC-dR": [(1300, *P), (C, *P), (91_300, *R)],
    "dC-iR": [(C, *N), (4600, *P), (5200, *R)],
    "dC-dR": [(C, *N), (4600, *P), (91_300, *R)],
}
DDFM = {**ES_DFM, "nConv": [(C, *N), (E, *N)]}
BDL = {
    "nConv": [(E, *N)],
    "iConv": [(E, *Y), (260_500, *K)],
    "dConv": [(E, *Y), (263_800, *K)],
    "iC-iR": [(E, *Y), (260_500, *R)],
    "iC-dR": [(E, *Y), (260_500, *R)],
    "dC-iR": [(E, *Y), (263_800, *R)],
    "dC-dR": [(E, *Y), (263_800, *R)],
}
VANILLA = {
    "nConv": [(C, *N)],
    "iConv": [(2164, *P)],
    "dConv": [(C, *N)],
    "iC-iR": [(2164, 1, 1)],
    "iC-dR": [(2164, *P)],
    "dC-iR": [(C, *N)],
    "dC-dR": [(C, *N)],
}
TESLA = {
    "nConv": [(C, *N)],
    "iConv": [(C, *Y), (2164, *K)],
    "dConv": [(C, *N), (4600, *Y), (5464, *K)],
    "iC-iR": [(1500, *R), (C, *Y)],
    "iC-dR": [(C, *Y), (2164, *K), (91_300, *R)],
    "dC-iR": [(C, *N), (4600, *Y), (5200, *R)],
    "dC-dR": [(C, *N), (4600, *Y), (5464, *K), (91_300, *R)],
}

S = 1432
"""End of half the observation window."""


def with_satellites(name: str, rows: list[tuple]) -> list[tuple]:
    """DFSN: the rows of ES-DFM, those of FNC without refunds, and one after half the window; all pays here are
    inside that half or after the whole. Rows of one second and cause stand in the order main, unbias."""
    unbias = [(time, c, None) for time, c, _ in FNC[name] if c is not None]
    pay = TRAJECTORIES[name][0]
    return sorted([*rows, *unbias, (S, int(pay is not None and pay <= S), None)], key=lambda row: row[0])


DFSN = {name: with_satellites(name, rows) for name, rows in ES_DFM.items()}

CASES = {
    "FNC, FNW, Base": ({"kind": "fake-negative", "refunds": True}, FNC),
    "ES-DFM, DEFUSE": ({"kind": "elapsed-time", "window": "864s", "refunds": "replay"}, ES_DFM),
    "MISS": ({"kind": "multi-window", "window": "864s", "refunds": "replay"}, ES_DFM),
    "DFSN": ({"kind": "satellites", "window": "864s", "refunds": "replay"}, DFSN),
    "DEFER": ({"kind": "duplicate", "window": "864s", "refunds": "replay"}, DEFER),
    "DDFM": ({"kind": "real-negative", "window": "864s", "refunds": "replay"}, DDFM),
    "BDL": ({"kind": "complete", "refunds": True}, BDL),
    "Vanilla-net": ({"kind": "in-window", "window": "864s", "refund_window": "864s"}, VANILLA),
    "TESLA": (
        {"kind": "elapsed-time", "window": "864s", "refunds": "window", "refund_window": "864s"},
        TESLA,
    ),
}


def one_click(pay: int | None, refund: int | None) -> MemoryLog:
    events = [(pay, Kind.PAY), (refund, Kind.REFUND)]
    happened = [(second * SECOND, kind) for second, kind in events if second is not None]
    n = len(happened)
    event = EventBatch(
        np.zeros(n, np.int64),
        np.arange(n),
        np.array([time for time, _ in happened], np.int64),
        np.array([kind for _, kind in happened], np.uint8),
        np.full(n, 10.0),
    )
    return MemoryLog(np.array([7]), np.array([1000 * SECOND]), event, None)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("trajectory", TRAJECTORIES)
def test_golden_deliveries(case, trajectory):
    spec, table = CASES[case]
    expected = table[{"outAttr": "nConv", "iC-outR": "iConv"}.get(trajectory, trajectory)]
    log = one_click(*TRAJECTORIES[trajectory])
    samples = replay(log, WINDOWS, {"p": policy_from(spec)}, 8 * DAY, 7 * DAY)["p"]
    found = [
        (time // SECOND, None if np.isnan(c) else int(c), None if np.isnan(r) else int(r))
        for time, c, r in zip(samples.visible_time.tolist(), samples.converted, samples.refunded, strict=True)
    ]
    assert found == expected


ROLES = {
    "nConv": ["negative"],
    "iConv": ["immediate_positive", "no_refund"],
    "dConv": ["negative", "delayed_positive", "no_refund_of_delayed"],
    "iC-iR": ["refund", "immediate_positive"],
    "iC-dR": ["immediate_positive", "no_refund", "delayed_refund"],
    "dC-iR": ["negative", "delayed_positive", "refund_of_delayed"],
    "dC-dR": ["negative", "delayed_positive", "no_refund_of_delayed", "delayed_refund_of_delayed"],
}
"""TESLA's seven trajectories by the roles of their rows: no two have the same ones."""


@pytest.mark.parametrize("trajectory", ROLES)
def test_roles_tell_the_trajectories_apart(trajectory):
    spec, _ = CASES["TESLA"]
    log = one_click(*TRAJECTORIES[trajectory])
    samples = replay(log, WINDOWS, {"p": policy_from(spec)}, 8 * DAY, 7 * DAY)["p"]
    assert samples.role_names.tolist() == ROLES[trajectory]


INTERVALS = {
    1432: "immediate_positive",
    1433: "immediate_positive_2",
    1576: "immediate_positive_2",
    1577: "immediate_positive_3",
    1864: "immediate_positive_3",
    1865: "negative",
}
"""MISS: second of the pay, and the role after the window of 864 s: halves and thirds of it are inclusive."""


@pytest.mark.parametrize("pay", INTERVALS)
def test_the_labels_of_three_windows_are_in_the_role(pay):
    policy = policy_from({"kind": "multi-window", "window": "864s"})
    samples = replay(one_click(pay, None), WINDOWS, {"p": policy}, 8 * DAY, 7 * DAY)["p"]
    (at_end,) = samples[samples.event_time == C * SECOND].role_names
    assert at_end == INTERVALS[pay]


EDGES = {
    # The observation of the click ends at 1864 s, that of a pay 864 s after it: both still hold their last microsecond.
    (1864, None, 0): ["immediate_positive", "no_refund"],
    (1864, None, 1): ["negative", "delayed_positive", "no_refund_of_delayed"],
    (1100, 1964, 0): ["immediate_positive", "refund"],
    (1100, 1964, 1): ["immediate_positive", "no_refund", "delayed_refund"],
    (1864, 2728, 0): ["immediate_positive", "refund"],
    (1864, 2728, 1): ["immediate_positive", "no_refund", "delayed_refund"],
    (2000, 2864, 0): ["negative", "delayed_positive", "refund_of_delayed"],
    (2000, 2864, 1): ["negative", "delayed_positive", "no_refund_of_delayed", "delayed_refund_of_delayed"],
}
"""TESLA at the ends of its windows: second of the pay, of the refund, and microseconds by which the last of them is later."""


@pytest.mark.parametrize("case", EDGES)
def test_what_happens_at_the_very_end_of_a_window_is_inside(case):
    pay, refund, later = case
    spec, _ = CASES["TESLA"]
    log = one_click(pay, refund)
    log.event.time[-1] += later
    samples = replay(log, WINDOWS, {"p": policy_from(spec)}, 8 * DAY, 7 * DAY)["p"]
    assert samples.role_names.tolist() == EDGES[case]
