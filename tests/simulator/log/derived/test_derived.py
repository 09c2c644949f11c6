"""Derived features against a loop over everything that happened, whatever coincides and wherever files end."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.calendar import Calendar, Promotion
from simulator.log.derived import past
from simulator.log.derived.kinds import item_ids
from simulator.log.memory import MemoryLog, random_log
from simulator.log.reader import Log
from simulator.log.schema import EventBatch
from simulator.log.upload import Batches, Uploaded
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.simulator.log.logs import small, write
from tests.simulator.log.test_impressions import impressions_of, written

from .plain import ITEMS, USERS, binned, columns, counted, derived, edges, latest, of_clicks

WINDOWS = Windows(attribution=DAY, refund=DAY)
BLOCKS = {
    "carts": {"kind": "latest", "event": "cart", "longest": 3, "buckets": 4},
    "pays_of_b": {"kind": "latest", "event": "pay", "of": "b", "longest": 4},
    "clicks": {"kind": "latest", "longest": 2},
    "hot": {"kind": "popularity", "over": "1d", "bins": 4},
    "sold": {"kind": "popularity", "event": "pay", "over": "5h", "bins": 3},
}
HISTORY = (DAY, 3 * DAY)


def expected(log, time, who, what):
    """Return every feature of `BLOCKS` at instants, of users and of items."""
    items = np.arange(len(log.click_time)) % ITEMS
    hidden = item_ids(items, 4)
    found = {
        "carts": latest(log, "cart", 3, hidden, list(zip(time, who, strict=True))),
        "pays_of_b": latest(log, "pay", 4, log.feature_matrix[:, 1], list(zip(time, who, strict=True))),
        "clicks": latest(log, "click", 2, items, list(zip(time, who, strict=True))),
    }
    history = [(t, k % ITEMS) for k, t in enumerate(log.click_time) if HISTORY[0] <= t < HISTORY[1]]
    for name, event, over, bins in (("hot", "click", DAY, 4), ("sold", "pay", 5 * HOUR, 3)):
        learnt = edges(counted(log, event, over, history), bins)
        found[name] = binned(counted(log, event, over, zip(time, what, strict=True)), learnt)[:, None]
    return found


def random(seed, clicks, lag):
    """A log whose times are whole hours: clicks, carts and pays of all users coincide."""
    return random_log(np.random.default_rng(seed), clicks, WINDOWS, days=5, grid=HOUR, lag=lag)


@given(
    seed=st.integers(0, 10**6),
    clicks=st.integers(1, 120),
    lag=st.sampled_from([0, 7 * HOUR]),
    rows=st.integers(3, 50),
)
@settings(max_examples=15, deadline=None)
def test_every_feature_is_what_a_loop_says(tmp_path_factory, seed, clicks, lag, rows):
    log, folder = random(seed, clicks, lag), tmp_path_factory.mktemp("log")
    with pytest.MonkeyPatch.context() as patched:  # borders of files and of pieces anywhere
        patched.setattr("simulator.log.dayfiles.ROW_GROUP", rows)
        patched.setattr(past, "ROW_GROUP", rows + 1)
        write(folder / "log", log)
        _, found = derived(folder / "log", folder / "out", BLOCKS, history=HISTORY)
    row = np.arange(clicks)
    for name, ids in expected(log, log.click_time, row % USERS, row % ITEMS).items():
        assert np.array_equal(found[name], ids), name
    assert np.array_equal(np.column_stack([found[name] for name in "abc"]), log.feature_matrix)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_impressions_have_the_features_of_their_own_instant(tmp_path, seed):
    log = random(seed, 60, 0)
    shown = impressions_of(log, np.random.default_rng(seed), ties=HOUR)
    written(tmp_path / "log", log, shown)
    made, clicks = derived(tmp_path / "log", tmp_path / "out", BLOCKS, history=HISTORY)
    parts = [*made.impressions(), *made.impressions(which="slice")]
    place = np.concatenate([part.rows for part in parts])
    found = columns(made.features, parts)
    for name, ids in expected(log, shown.time[place], place % USERS, place % ITEMS).items():
        assert np.array_equal(found[name], ids), name
    row = np.arange(60)
    for name, ids in expected(log, log.click_time, row % USERS, row % ITEMS).items():
        assert np.array_equal(clicks[name], ids), name


def test_the_future_changes_nothing_of_before(tmp_path):
    log, at = random(5, 150, 7 * HOUR), 2 * DAY + 3 * HOUR
    kept, events = int(np.searchsorted(log.click_time, at, side="right")), log.event
    early = events[events.arrival < at]
    other = MemoryLog(
        log.click_id[:kept], log.click_time[:kept], early, log.feature_matrix[:kept], features=log.features
    )
    write(tmp_path / "log", log)
    write(tmp_path / "other", other)
    # The history ends before, as it does before any stream.
    _, found = derived(tmp_path / "log", tmp_path / "out", BLOCKS, history=(0, 2 * DAY))
    _, without = derived(tmp_path / "other", tmp_path / "out2", BLOCKS, history=(0, 2 * DAY))
    assert kept < 150
    assert len(early) < len(events)
    for name in BLOCKS:
        assert np.array_equal(found[name][:kept], without[name]), name


def test_bins_are_learnt_on_the_history_alone(tmp_path):
    log = random(6, 150, 0)
    write(tmp_path / "log", log)
    blocks = {"hot": {"kind": "popularity", "over": "1d", "bins": 4}}
    row = np.arange(150)
    counts = counted(log, "click", DAY, zip(log.click_time, row % ITEMS, strict=True))
    for start, end in ((0, DAY), (0, 4 * DAY), (3 * DAY, 3 * DAY)):
        made, found = derived(tmp_path / "log", tmp_path / f"{start}-{end}", blocks, history=(start, end))
        learnt = edges(counts[(start <= log.click_time) & (log.click_time < end)], 4)
        assert np.array_equal(found["hot"][:, 0], binned(counts, learnt))
        assert made.features[-1].cardinality == len(learnt) + 1
    assert not learnt  # a history without clicks teaches no bins


def test_events_count_from_when_an_upload_makes_them_known(tmp_path):
    log, upload = random(7, 120, 0), Batches(DAY, 5 * HOUR)
    event = log.event
    late = EventBatch(
        event.row,
        event.event_id,
        event.time,
        event.kind,
        event.amount,
        upload.arrivals(event.time, event.event_id),
    )
    write(tmp_path / "log", log)
    source = Uploaded(Log.open(tmp_path / "log"), upload)
    _, found = derived(tmp_path / "log", tmp_path / "out", BLOCKS, history=HISTORY, seen=source)
    as_known = MemoryLog(
        log.click_id, log.click_time, late.in_order(), log.feature_matrix, features=log.features
    )
    row = np.arange(120)
    told = expected(as_known, log.click_time, row % USERS, row % ITEMS)
    at_once = expected(log, log.click_time, row % USERS, row % ITEMS)
    for name in BLOCKS:
        assert np.array_equal(found[name], told[name]), name
    assert not np.array_equal(told["carts"], at_once["carts"])


def test_without_events_nobody_has_a_past(tmp_path):
    log = small(8, 40)
    log.event = EventBatch.empty()
    write(tmp_path / "log", log)
    blocks = {name: block for name, block in BLOCKS.items() if block.get("event") in ("cart", "pay")}
    made, found = derived(tmp_path / "log", tmp_path / "out", blocks, history=(0, DAY))
    assert made.meta.events == 0
    assert (found["carts"] == -1).all()
    assert (found["pays_of_b"] == -1).all()
    assert (found["sold"] == 0).all()


def test_days_to_sale_count_begun_days_up_to_the_next_promotion(tmp_path):
    time = np.array([0, 9, 10, 33, 34, 57, 58, 59, 81, 82, 130, 131]) * HOUR
    log = MemoryLog(np.arange(12), time, EventBatch.empty(), np.zeros((12, 3), np.int32))
    write(tmp_path / "log", log)
    calendar = Calendar.of(
        [Promotion("second", 130 * HOUR, 131 * HOUR), Promotion("first", 58 * HOUR, 82 * HOUR)]
    )
    blocks = {"ahead": {"kind": "days-to-sale", "most": 2}}
    made, found = derived(tmp_path / "log", tmp_path / "out", blocks, calendar=calendar)
    # 58 h to go are three days, more than the two that are told apart; the last click has no promotion before it.
    assert found["ahead"][:, 0].tolist() == [3, 3, 2, 2, 1, 1, 0, 0, 0, 2, 0, 3]
    assert made.features[-1].cardinality == 4


def test_truth_events_and_the_rest_are_those_of_the_log(tmp_path):
    log = small(9, 90)
    truth = {"p_pay": np.linspace(0, 1, 90)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("simulator.log.dayfiles.ROW_GROUP", 20)
        source = write(tmp_path / "log", log, truth=truth)
    before = {path: path.read_bytes() for path in (tmp_path / "log").rglob("*") if path.is_file()}
    made, _ = derived(tmp_path / "log", tmp_path / "out", BLOCKS, history=HISTORY)
    assert np.array_equal(np.concatenate([columns["p_pay"] for _, columns in made.truth()]), truth["p_pay"])
    for ours, theirs in zip(made.events(), source.events(), strict=True):
        assert np.array_equal(ours.time, theirs.time)
    assert (made.meta.clicks, made.meta.observed_until) == (90, source.meta.observed_until)
    assert before == {path: path.read_bytes() for path in before}, "the log itself stays as it is"
    assert len(of_clicks(source)) == 3


def test_items_below_the_buckets_stand_for_themselves_and_others_share_them():
    ids = np.array([0, 9, 10, 11, 10**15, -1, 10])
    found = item_ids(ids, 10)
    assert found[:2].tolist() == [0, 9]
    assert found[2] == found[6]
    assert ((found >= 0) & (found < 10)).all()
    spread = np.bincount(item_ids(np.arange(10, 10_010), 10), minlength=10)
    assert spread.min() > 900
