"""The engine against the slow simulation, and its independence of ticks, batches and the other policies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine import Engine
from simulator.log.memory import final_labels, random_log
from simulator.log.schema import Kind
from simulator.log.upload import Batches, Lags, Uploaded
from simulator.policies import Policy
from simulator.randomness import generator
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.simulator.engine.replay import assert_same, built_in, replay, rows
from tests.simulator.engine.slow import rules, simulate

WINDOW = 15 * MINUTE
WINDOWS = Windows(DAY, 0)


def _approximately(found: list[tuple], expected: list[tuple]) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a == tuple(x if not isinstance(x, float) else pytest.approx(x, rel=1e-12) for x in b)


TICKS = st.sampled_from([MINUTE, 7 * MINUTE, HOUR, 5 * HOUR + 1, 3 * DAY])


IN_TIME = given(
    seed=st.integers(0, 10**6),
    clicks=st.integers(1, 100),
    days=st.sampled_from([0.02, 1.0, 6.0]),
    tick=TICKS,
    batch_rows=st.sampled_from([1, 7, 1000]),
    windows=st.sampled_from([Windows(3 * DAY, 3 * DAY), Windows(2 * HOUR, 0), Windows(HOUR, DAY)]),
)
LATE = given(
    seed=st.integers(0, 10**6),
    clicks=st.integers(1, 60),
    days=st.sampled_from([0.02, 1.0, 3.0]),
    tick=TICKS,
    batch_rows=st.sampled_from([1, 7, 1000]),
    windows=st.sampled_from(
        [
            Windows(3 * DAY, 3 * DAY),
            Windows(HOUR, DAY),
            Windows(2 * HOUR, HOUR, 0, "exclusive"),
            Windows(3 * HOUR, 2 * HOUR, 5 * HOUR, "exclusive"),
            Windows(DAY, DAY, HOUR),
        ]
    ),
    lag=st.sampled_from([0, MINUTE, 5 * HOUR, 2 * DAY]),
)


@settings(max_examples=15, deadline=None)
@IN_TIME
def test_same_samples_as_one_process_per_journey(seed, clicks, days, tick, batch_rows, windows):
    log = random_log(generator(seed, "log"), clicks, windows, days=days)
    _check(log, windows, tick, batch_rows, most=150)


@settings(max_examples=20, deadline=None)
@LATE
def test_the_same_where_events_become_known_late_and_out_of_order(
    seed, clicks, days, tick, batch_rows, windows, lag
):
    log = random_log(generator(seed, "log"), clicks, windows, days=days, lag=lag)
    _check(log, windows, tick, batch_rows, most=150)


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@IN_TIME
def test_many_logs_in_fine_ticks(seed, clicks, days, tick, batch_rows, windows):
    log = random_log(generator(seed, "log"), 3 * clicks, windows, days=days)
    _check(log, windows, tick, batch_rows, most=1000)


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@LATE
def test_many_logs_with_late_events(seed, clicks, days, tick, batch_rows, windows, lag):
    log = random_log(generator(seed, "log"), 3 * clicks, windows, days=days, lag=lag)
    _check(log, windows, tick, batch_rows, most=600)


def _check(log, windows, tick, batch_rows, most):
    until = int(log.click_time[-1]) + windows.lifetime + 2 * MINUTE
    if until // tick > most:
        tick = until // most
    found = replay(log, windows, built_in(WINDOW), until, tick, batch_rows=batch_rows)
    for name, (rule, timers, pay_timer) in rules(WINDOW, windows).items():
        _approximately(rows(found[name]), simulate(log, windows, rule, timers, until, pay_timer))


def test_ragged_ticks_change_nothing():
    windows = Windows(DAY, DAY)
    log = random_log(generator(5, "log"), 2000, windows, days=5)
    until = int(log.click_time[-1]) + windows.lifetime
    whole = replay(log, windows, built_in(WINDOW), until, until)
    cuts = np.unique(np.append(generator(6, "cuts").integers(1, until, 200), until)).tolist()
    ragged = replay(log, windows, built_in(WINDOW), until, cuts)
    for name, samples in whole.items():
        assert_same(samples, ragged[name], name)


def test_a_policy_does_not_change_what_another_delivers():
    windows = Windows(DAY, DAY)
    log = random_log(generator(7, "log"), 500, windows, days=5)
    together = replay(log, windows, built_in(WINDOW), 8 * DAY, 7 * HOUR)
    for name, policy in built_in(WINDOW).items():
        assert rows(replay(log, windows, {name: policy}, 8 * DAY, 7 * HOUR)[name]) == rows(together[name])


@pytest.mark.parametrize(
    ("windows", "lag"),
    [
        (Windows(DAY, 2 * DAY), 0),
        (Windows(DAY, 2 * DAY), 2 * DAY),
        (Windows(DAY, 6 * HOUR, 12 * HOUR, "exclusive"), 12 * HOUR),
    ],
)
def test_settled_labels_are_the_closed_form_and_leave_in_order(windows, lag):
    from simulator.engine import Engine

    log = random_log(generator(8, "log"), 1500, windows, days=6, lag=lag)
    engine = Engine(log, windows, {}, start=0)
    expected = final_labels(log.click_time, log.event, 0, windows)
    seen = outside = events = 0
    for edge in range(3 * HOUR, 12 * DAY, 3 * HOUR):
        tick = engine.advance(edge)
        outside, events = outside + tick.outside, events + tick.events
        n = len(tick.final)
        assert tick.final_row == seen
        for name in tick.final.__dataclass_fields__:
            np.testing.assert_allclose(
                getattr(tick.final, name), getattr(expected, name)[seen : seen + n], rtol=1e-12
            )
        seen += n
        assert engine.journeys.size - engine.journeys.head == np.count_nonzero(
            (log.click_time < edge) & (log.click_time + windows.lifetime >= edge)
        )
    assert seen == len(log.click_time)
    assert events == len(log.event)
    assert outside == events - _counting(log, expected, windows)


def _counting(log, labels, windows):
    """Count the events inside the windows that were known in time, one by one."""
    event, inside = log.event, 0
    within = (lambda t, w: t < w) if windows.edges == "exclusive" else (lambda t, w: t <= w)
    for i, row in enumerate(event.row):
        clicked, first = log.click_time[row], labels.first_pay[row]
        known = event.arrival[i] <= clicked + windows.lifetime
        if event.kind[i] == Kind.REFUND:
            counts = 0 <= first <= event.time[i] and within(event.time[i] - first, windows.refund)
        else:
            counts = within(event.time[i] - clicked, windows.attribution)
        inside += bool(known and counts)
    return inside


@pytest.mark.parametrize(
    "upload",
    [Batches(DAY, 3 * HOUR), Lags("lognormal", 2 * HOUR, 1.0, DAY, 0), Lags("exponential", HOUR, 0, DAY, 3)],
)
def test_an_upload_delays_what_is_known_and_changes_no_label(upload):
    from simulator.engine import Engine

    windows = Windows(DAY, DAY, DAY)
    log = random_log(generator(9, "log"), 800, windows, days=5)
    until = int(log.click_time[-1]) + windows.lifetime + 1
    policies = built_in(WINDOW)
    whole = replay(Uploaded(log, upload), windows, policies, until, until)
    cut = replay(Uploaded(log, upload), windows, policies, until, 7 * HOUR, batch_rows=13)
    for name, samples in whole.items():
        assert rows(cut[name]) == rows(samples)
    engine = Engine(Uploaded(log, upload), windows, {}, start=0)
    labels = engine.advance(until).final
    expected = final_labels(log.click_time, log.event, 0, windows)
    for name in labels.__dataclass_fields__:
        np.testing.assert_allclose(getattr(labels, name), getattr(expected, name), rtol=1e-12)
    assert {r[1] == r[-1] for r in rows(whole["partial-gmv/partial"])} >= {False}


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(1, 7 * 24))
def test_truncating_the_future_changes_nothing_before(seed, cut):
    from simulator.log.memory import MemoryLog

    windows = Windows(DAY, DAY)
    log = random_log(generator(seed, "log"), 300, windows, days=6)
    at = cut * HOUR
    kept = np.searchsorted(log.click_time, at)
    past = log.event[: int(np.searchsorted(log.event.time, at))]
    short = MemoryLog(log.click_id[:kept], log.click_time[:kept], past, None)
    policies = {k: p for k, p in built_in(WINDOW).items() if not p.peeks}
    whole, cut_short = (
        replay(log, windows, policies, 8 * DAY, 5 * HOUR),
        replay(short, windows, policies, at, 5 * HOUR),
    )
    for name in policies:
        assert rows(cut_short[name]) == [r for r in rows(whole[name]) if r[1] < at]


def test_who_asks_a_model_is_called_last():
    """The model may still be learning, and the others need not wait for it."""
    called = []

    class Asking(Policy):
        asks = ("predictions",)

        def on_segment(self, at, out):
            called.append("asking")

    class Silent(Policy):
        def on_segment(self, at, out):
            called.append("silent")

    log = random_log(generator(1, "log"), 5, WINDOWS, days=0.1)
    engine = Engine(log, WINDOWS, {"first": Asking(), "then": Silent(), "last": Silent()}, start=0)
    assert engine.advance(DAY, segment_end=True).samples.keys() == {"first", "then", "last"}
    assert called == ["silent", "silent", "asking"]
