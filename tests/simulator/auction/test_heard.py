"""What becomes known of won clicks, event by event."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.auction.heard import WonClicks
from simulator.auction.settings import AuctionBlock
from simulator.log.schema import EventBatch, Kind
from simulator.units import HOUR
from simulator.windows import Windows

WINDOWS = Windows(attribution=6 * HOUR, refund=6 * HOUR, lateness=HOUR)
PAY, REFUND = Kind.PAY, Kind.REFUND
TOLD = [
    # row, hour of the event, of its arrival, kind, amount: count, revenue where it is less what is returned
    (3, 2, 2, REFUND, 1.0, None),  # of a click that has not paid
    (3, 3, 3, PAY, 8.0, (1, 8.0)),
    (4, 3, 3, PAY, 5.0, None),  # not won
    (3, 4, 4, PAY, 2.0, (0, 2.0)),
    (3, 5, 5, REFUND, 3.0, (0, -3.0)),
    (9, 5, 5, REFUND, 2.0, None),  # before its pay is known
    (9, 5, 6, PAY, 4.0, (1, 4.0)),
    (9, 6, 6, PAY, 1.0, (0, 1.0)),  # at the very end of the window
    (3, 9, 9, REFUND, 1.5, (0, -1.5)),  # six hours after the first pay
    (9, 7, 10, PAY, 4.0, None),  # too long after the click
    (3, 10, 10, REFUND, 0.5, None),
    (9, 8, 14, REFUND, 1.0, None),  # more than a lifetime after the click
]


@pytest.mark.parametrize("cut", range(len(TOLD)))
@pytest.mark.parametrize(("value", "column"), [("pay", 0), ("gmv", None), ("net-gmv", 1)])
def test_conversions_are_heard_wherever_events_are_cut(value, column, cut):
    row, time, arrival, kind, amount = (np.array(of) for of in zip(*(one[:5] for one in TOLD), strict=True))
    events = EventBatch(row, np.arange(len(row)), time * HOUR, kind.astype(np.uint8), amount, arrival * HOUR)
    clicks = WonClicks(AuctionBlock(value=value), WINDOWS)
    clicks.add(np.array([9, 3]), np.zeros(2, np.int64), np.array([1, 0]))
    parts = [clicks.hear(events[:cut]), clicks.hear(events[cut:])]
    expected = [(one[2] * HOUR, one[0], *one[5]) for one in TOLD if one[5]]
    found = [
        (int(t), 9 if c else 3, n, r)
        for part in parts
        for t, c, n, r in zip(part.time, part.campaign, part.count, part.revenue, strict=True)
    ]
    if column == 0:
        expected = [(t, row, n, float(n)) for t, row, n, _ in expected]
        assert [f for f in found if f[2] or f[3]] == [e for e in expected if e[2]]
    elif column == 1:
        assert found == expected
    else:
        assert [f for f in found if f[3]] == [e for e in expected if e[3] > 0]
