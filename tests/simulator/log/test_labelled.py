import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.log.schema import Kind
from simulator.units import DAY, HOUR
from simulator.windows import Windows

from .logs import small, write


def slow_labels(log, windows):
    """One click at a time, one event at a time."""
    for row, clicked in enumerate(log.click_time.tolist()):
        own = [i for i in range(len(log.event)) if log.event.row[i] == row]
        events = [(int(log.event.time[i]), Kind(log.event.kind[i]), float(log.event.amount[i])) for i in own]
        pays = [(t, a) for t, kind, a in events if kind == Kind.PAY and t <= clicked + windows.attribution]
        first = pays[0][0] if pays else None
        refunds = [
            (t, a)
            for t, kind, a in events
            if kind == Kind.REFUND and first is not None and first <= t <= first + windows.refund
        ]
        gmv = returned = 0.0
        for _, amount in pays:
            gmv += amount
        for _, amount in refunds:
            returned += amount
        first_refund = refunds[0][0] if refunds else -1
        yield (
            bool(pays),
            bool(refunds),
            gmv,
            returned,
            len(pays),
            -1 if first is None else first,
            first_refund,
        )


NAMES = ("converted", "refunded", "gmv", "refund_amount", "pay_count", "first_pay", "first_refund")


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    attribution=st.sampled_from([HOUR, DAY, 3 * DAY]),
    refund=st.sampled_from([0, HOUR, 3 * DAY]),
)
def test_labels_equal_those_of_a_slow_loop(tmp_path_factory, seed, attribution, refund):
    windows = Windows(attribution, refund)
    memory = small(seed, 120, windows)
    log = write(tmp_path_factory.mktemp("l") / "log", memory)
    expected = list(slow_labels(memory, windows))
    for batch_rows in (7, 1000):
        found = []
        for clicks, labels in log.labelled(windows, batch_rows=batch_rows):
            assert len(clicks) == len(labels) <= batch_rows
            assert clicks.row == len(found)
            np.testing.assert_array_equal(clicks.features, memory.feature_matrix[clicks.row :][: len(clicks)])
            found += zip(*(getattr(labels, name).tolist() for name in NAMES), strict=True)
        assert found == expected
    start, end = int(memory.click_time[30]), int(memory.click_time[90])
    low, high = np.searchsorted(memory.click_time, [start, end])
    part = [labels for _, labels in log.labelled(windows, start, end, features=False)]
    found = list(zip(*(np.concatenate([getattr(p, n) for p in part]).tolist() for n in NAMES), strict=True))
    assert found == expected[low:high]


@pytest.mark.parametrize("late", [0, 1])
def test_both_windows_are_inclusive(tmp_path, late):
    windows = Windows(attribution=DAY, refund=HOUR)
    memory = small(0, 1, windows)
    paid = int(memory.click_time[0]) + DAY
    for name, values in {
        "row": [0, 0],
        "event_id": [0, 1],
        "time": [paid, paid + HOUR + late],
        "kind": [Kind.PAY, Kind.REFUND],
        "amount": [5.0, 2.0],
    }.items():
        setattr(memory.event, name, np.array(values, getattr(memory.event, name).dtype))
    memory.event.arrival = memory.event.time
    log = write(tmp_path / "log", memory)
    [(_, labels)] = log.labelled(windows)
    assert (labels.converted[0], labels.refunded[0], labels.refund_amount[0]) == (
        True,
        not late,
        0 if late else 2,
    )
    [(_, labels)] = log.labelled(Windows(attribution=DAY - 1, refund=HOUR))
    assert not labels.converted[0]


def test_events_far_behind_their_clicks_are_found(tmp_path):
    """Several row groups of clicks, events days later: what is kept between groups is enough, and no more."""
    rng = np.random.default_rng(3)
    windows = Windows(2 * DAY, DAY)
    memory = small(0, 10, windows)
    n = 300_000
    memory.click_time = np.sort(rng.integers(0, 3 * DAY, n))
    memory.click_id, memory.feature_matrix = np.arange(n), np.zeros((n, 3), np.int32)
    row = rng.integers(0, n, 20_000)
    when = memory.click_time[row] + rng.integers(0, 4 * DAY, len(row))
    order = np.argsort(when, kind="stable")
    memory.event.row, memory.event.time = row[order], when[order]
    memory.event.arrival = memory.event.time
    memory.event.kind, memory.event.amount = np.full(len(row), 2, np.uint8), np.ones(len(row))
    log = write(tmp_path / "log", memory)
    found = np.concatenate([labels.pay_count for _, labels in log.labelled(windows, features=False)])
    counts = when - memory.click_time[row] <= 2 * DAY
    np.testing.assert_array_equal(found, np.bincount(row[counts], minlength=n))
