"""Planted features of each kind are named; features that a click can have known are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.log.feature_checks import feature_doubts
from simulator.log.memory import MemoryLog, final_labels
from simulator.log.reader import HOUR_OF_DAY, WEEKDAY
from simulator.log.schema import EventBatch, Feature, ImpressionBatch, Kind
from simulator.units import DAY, HOUR
from simulator.windows import Windows

WINDOWS = Windows(2 * DAY, 2 * DAY)


def shop(seed=0, n=3000, days=10, share=0.2, clock=None):
    """Clicks with pays (some twice) and refunds, and no feature yet; ``clock`` puts all pays at one time of day."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, days * DAY, n))
    pays = np.flatnonzero(rng.random(n) < share)
    at = time[pays] + rng.exponential(6 * HOUR, len(pays)).astype(np.int64) + 1
    if clock is not None:
        at = (at // DAY + 1) * DAY + clock
    again, back = rng.random(len(pays)) < 0.3, rng.random(len(pays)) < 0.3
    row = np.concatenate([pays, pays[again], pays[back]])
    when = np.concatenate([at, at[again] + HOUR, at[back] + 2 * HOUR])
    kind = np.repeat([Kind.PAY, Kind.PAY, Kind.REFUND], [len(pays), again.sum(), back.sum()]).astype(np.uint8)
    event = EventBatch(row, np.arange(len(row)), when, kind, rng.gamma(2, 30, len(row)).round(2))
    return MemoryLog(np.arange(n), time, event[np.lexsort((event.event_id, kind, when))])


def doubts(log, **columns):
    """Look at these columns; return the kind found for each feature."""
    matrix = np.column_stack(list(columns.values())).astype(np.int32)
    log.feature_matrix = matrix
    log.features = tuple(
        Feature(name, int(np.max(ids)) + 2, ids.shape[1], "tags")
        if np.ndim(ids) == 2
        else Feature(name, int(ids.max()) + 1)
        for name, ids in columns.items()
    )
    found = feature_doubts(log, WINDOWS)
    assert all(repr(doubt.feature) in doubt.message for doubt in found)
    return {doubt.feature: doubt.kind for doubt in found}


def labels_of(log):
    return final_labels(log.click_time, log.event, 0, WINDOWS)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_what_repeats_the_events_is_named(seed):
    log = shop(seed)
    labels, rng = labels_of(log), np.random.default_rng(seed)
    paid = labels.converted
    delay = np.where(paid, (labels.first_pay - log.click_time) // HOUR + 1, 0)
    tags = rng.integers(0, 8, (len(paid), 3))
    tags[paid, 2] = 8
    planted = {
        "conversion": paid,
        "opposite": ~paid,
        "delay_h": delay,
        "delay_of_all": np.where(paid, delay, rng.integers(0, 40, len(paid))),
        "cents": np.where(paid, np.round(labels.gmv * 100), 0),
        "pays": labels.pay_count,
        "refunded": labels.refunded,
        "order_id": np.where(paid, np.cumsum(paid), 0),
        "tags": tags,
    }
    assert doubts(log, **planted) == dict.fromkeys(planted, "function of events")


def test_what_nearly_tells_payers_is_named_apart():
    log = shop()
    flipped = np.random.default_rng(1).random(3000) < 0.02
    assert doubts(log, near=labels_of(log).converted ^ flipped) == {"near": "tells payers"}


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_functions_of_time_and_constants_are_named(seed):
    log = shop(seed)
    time = log.click_time
    none = np.full((len(time), 2), -1)
    planted = {
        "date": time // DAY,
        "week": time // DAY // 5,
        "slot": time // HOUR % 24 // 6,
        "weekend": time // DAY % 7 >= 5,
        "back": (10 * DAY - time) // (7 * HOUR),
        "shuffled_date": np.random.default_rng(seed).permutation(11)[time // DAY],
        "late": (time + np.random.default_rng(seed).integers(0, HOUR // 30, len(time))) // DAY,
    }
    constants = {"one": np.zeros(len(time)), "three": np.full(len(time), 3), "tags": none}
    wanted = dict.fromkeys(planted, "function of time") | dict.fromkeys(constants, "constant")
    assert doubts(log, **planted, **constants) == wanted


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([3, 40, 300, 3000]),
    st.sampled_from([0.01, 0.2, 0.9, 1.0]),
    st.sampled_from([None, 3 * HOUR]),
)
def test_what_a_click_can_have_known_is_not_named(seed, n, share, clock):
    log = shop(seed, n, share=share, clock=clock)
    rng, paid = np.random.default_rng(seed), labels_of(log).converted
    users = np.cumsum(rng.random(n) < 0.4)
    fine = {
        "each_its_own": np.append(rng.permutation(n - 1), n - 1),
        "first_seen": np.arange(n),
        "bursts": np.append([0], users + 1)[:n],
        "user": np.append([0, 1], rng.integers(0, max(n // 4, 1), n))[:n],
        "good": np.append([0, 1], np.where(rng.random(n) < 0.3, paid, rng.integers(0, 2, n)))[:n],
        "rare": np.arange(n) == n - 1,
        "some": np.append([0, 1], rng.integers(0, 7, n))[:n],
        "tags": np.column_stack([np.append([0, 1], rng.integers(0, 7, n))[:n], rng.integers(-1, 7, n)]),
    }
    assert doubts(log, **fine) == {}


def test_pays_at_one_time_of_day_do_not_make_the_hour_a_leak():
    log = shop(clock=3 * HOUR)
    assert doubts(log, hour=log.click_time // HOUR % 24) == {"hour": "function of time"}


def test_hour_and_weekday_that_were_asked_for_are_left_alone():
    log = shop()
    log.features = (HOUR_OF_DAY, WEEKDAY)
    log.feature_matrix = np.column_stack([log.click_time // HOUR % 24, log.click_time // DAY % 7]).astype(
        np.int32
    )
    assert feature_doubts(log, WINDOWS) == []


def test_a_log_of_no_clicks_or_no_features_is_not_doubted():
    log = shop()
    assert feature_doubts(log, WINDOWS) == []
    log.features, log.feature_matrix = (Feature("a", 1),), np.zeros((3000, 1), np.int32)
    assert feature_doubts(log, WINDOWS, 20 * DAY) == []


@pytest.mark.parametrize("rows", [500, 2999])
def test_only_the_first_rows_are_read(rows):
    log = shop()
    log.features, log.feature_matrix = (Feature("a", 2),), (np.arange(3000)[:, None] >= rows).astype(np.int32)
    assert [doubt.kind for doubt in feature_doubts(log, WINDOWS, rows=rows)] == ["constant"]


@pytest.mark.parametrize("seed", [0, 1])
def test_what_tells_clicks_or_payers_of_impressions_is_named(seed):
    log, rng = shop(seed), np.random.default_rng(seed)
    n, paid = 3000, labels_of(log).converted
    unclicked = np.sort(rng.integers(0, 10 * DAY, 20_000))
    time = np.concatenate([log.click_time, unclicked])
    order = np.argsort(time, kind="stable")
    row = np.concatenate([np.arange(n), np.full(20_000, -1)])[order]
    clicked, bought = row >= 0, np.where(row >= 0, paid[row], False)
    flips = rng.random(len(row))
    columns = {
        "clicked": clicked ^ (flips < 0.02),
        "shown_to_payers": (rng.random(len(row)) < 0.02) | bought,
        "position": rng.integers(0, 8, len(row)) // (1 + clicked),
        "noise": rng.integers(0, 50, len(row)),
    }
    matrix = np.column_stack(list(columns.values())).astype(np.int32)
    none, at = np.full(len(row), -1, np.int8), np.where(clicked, time[order], -1)
    ids = np.arange(len(row))
    log.impression = ImpressionBatch(ids, ids, time[order], row, at, none, none, matrix)
    # Among the clicks the features are noise, so that only the impressions give them away.
    names = {name: rng.integers(0, 20, n) for name in columns}
    assert doubts(log, **names) == {"clicked": "tells clicks", "shown_to_payers": "tells payers"}
    [said, _] = feature_doubts(log, WINDOWS)
    assert "alone tells who clicks with an AUC of 0.9" in said.message
    assert "over 23,000 impressions" in said.message
    log.impression = None
    assert doubts(log, **names) == {}
