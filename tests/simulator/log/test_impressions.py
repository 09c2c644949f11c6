"""Impressions written and read back, and joined with the labels of their clicks."""

import tomllib
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import LogError
from simulator.log.reader import Log
from simulator.log.schema import ImpressionBatch
from simulator.log.writer import LogWriter
from simulator.units import DAY, MINUTE
from simulator.windows import Windows

from .logs import FEATURES, ORIGIN, small, write
from .test_labelled import NAMES, slow_labels

WINDOWS = Windows(attribution=DAY, refund=DAY, click=30 * MINUTE)
LATE = np.array([0, 1, 29, 30, 31, 200]) * MINUTE
"""How long before its click an impression comes: ends of the click window, and beyond it."""


def impressions_of(log, rng, *, slice_rate=0.1, ties=MINUTE):
    """One impression for most clicks, many that nobody clicked, and a slice; times often coincide."""
    clicked = np.flatnonzero(rng.random(len(log.click_time)) < 0.8)
    before = np.maximum(log.click_time[clicked] - rng.choice(LATE, len(clicked)), 0)
    free = rng.integers(0, log.click_time[-1] // ties + 1, 3 * len(clicked)) * ties
    row = np.concatenate([clicked, np.full(len(free), -1)])
    time = np.concatenate([before, free])
    order = np.argsort(time, kind="stable")
    row, time = row[order], time[order]
    n = len(row)
    coin = np.where((row < 0) & (rng.random(n) < slice_rate), rng.integers(0, 2, n), -1)
    paid = np.where(coin == 1, rng.integers(0, 2, n), -1)
    at = np.where(row < 0, -1, log.click_time[row])
    matrix = rng.integers(0, 50, (n, 3)).astype(np.int32)
    return ImpressionBatch(
        np.arange(n), np.arange(n), time, row, at, coin.astype(np.int8), paid.astype(np.int8), matrix
    )


def written(path, log, shown, *, exposure=None, pieces=3):
    """Write the clicks, events and impressions of a `MemoryLog`, the impressions in pieces and before their clicks."""
    n = len(log.click_id)
    event = log.event
    with LogWriter(
        path, name="random", origin=ORIGIN, features=FEATURES, exposure=tuple(exposure or ())
    ) as writer:
        for part in np.array_split(np.arange(len(shown)), pieces):
            batch = shown[part]
            writer.impressions(
                time=batch.time,
                user_id=part % 7,
                item_id=part % 5,
                features=batch.features,
                click_row=batch.click_row,
                click_time=batch.click_time,
                coin=batch.coin,
                paid=batch.paid,
                exposure={name: column[part] for name, column in (exposure or {}).items()},
            )
        columns = {"time": log.click_time, "user_id": np.arange(n) % 7, "item_id": np.arange(n) % 5}
        writer.clicks(**columns, features=log.feature_matrix)
        writer.events(row=event.row, time=event.time, kind=event.kind, amount=event.amount)
        writer.close(int(np.append(event.time, log.click_time).max()))
    return Log.open(path)


def both(path, seed, clicks=150):
    """The same log on disk and in memory, with the impressions."""
    memory = small(seed, clicks, WINDOWS)
    shown = impressions_of(memory, np.random.default_rng(seed))
    memory.click_id = np.arange(clicks)
    memory.impression = shown
    return written(path, memory, shown), memory, shown


WHICH = {
    "all": lambda s: s.coin < 0,
    "unclicked": lambda s: (s.coin < 0) & (s.click_row < 0),
    "clicked": lambda s: s.click_row >= 0,
    "slice": lambda s: s.coin >= 0,
}


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    which=st.sampled_from(sorted(WHICH)),
    batch_rows=st.sampled_from([1, 7, 10_000]),
    cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    features=st.booleans(),
)
def test_what_was_written_is_read_back(tmp_path_factory, seed, which, batch_rows, cuts, features):
    log, memory, shown = both(tmp_path_factory.mktemp("l") / "log", seed, 60)
    assert log.has_impressions
    assert log.meta.impressions == len(shown)
    assert log.meta.randomised == (shown.coin >= 0).sum()
    low, high = sorted(int(shown.time[int(cut * (len(shown) - 1))]) for cut in cuts)
    for start, end in ((None, None), (low, high), (low, None), (None, high)):
        keep = WHICH[which](shown)
        keep &= (shown.time >= (start or 0)) & (shown.time < (2**62 if end is None else high))
        expected = shown[keep]
        for source in (log, memory):
            parts = list(
                source.impressions(start, end, features=features, batch_rows=batch_rows, which=which)
            )
            assert all(0 < len(part) <= batch_rows for part in parts)
            for name in ImpressionBatch.types():
                wanted = getattr(expected, name)
                if name == "features" and not features:
                    wanted = wanted[:, :0]
                found = [getattr(part, name) for part in parts]
                assert all(column.dtype == ImpressionBatch.types()[name] for column in found)
                np.testing.assert_array_equal(np.concatenate(found) if found else wanted[:0], wanted)


def slow_exposed(memory, shown):
    """One impression at a time, from a table of clicks."""
    labels = dict(enumerate(slow_labels(memory, WINDOWS)))
    for i in range(len(shown)):
        if shown.coin[i] >= 0:
            continue
        row, late = int(shown.click_row[i]), int(shown.click_time[i] - shown.time[i])
        if row >= 0 and late <= 30 * MINUTE:
            yield (int(shown.rows[i]), True, *labels[row])
        else:
            yield (int(shown.rows[i]), False, False, False, 0, 0, 0, -1, -1)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), batch_rows=st.sampled_from([3, 50, 10_000]))
def test_exposed_equals_a_slow_join(tmp_path_factory, seed, batch_rows):
    log, memory, shown = both(tmp_path_factory.mktemp("l") / "log", seed)
    expected = list(slow_exposed(memory, shown))
    assert sum(row[1] for row in expected) < (shown.click_row >= 0).sum()  # some clicks come too late
    low, high = int(shown.time[40]), int(shown.time[-40])
    part = [row for row in expected if low <= shown.time[row[0]] < high]
    for source in (log, memory):
        for start, end, wanted in ((None, None, expected), (low, high, part)):
            found = []
            for batch, labels in source.exposed(WINDOWS, start, end, batch_rows=batch_rows):
                np.testing.assert_array_equal(batch.features, shown.features[batch.rows])
                columns = (batch.rows, labels.clicked, *(getattr(labels, name) for name in NAMES))
                found += zip(*(column.tolist() for column in columns), strict=True)
            assert found == wanted


@pytest.mark.parametrize(
    ("edges", "late", "clicked"),
    [("inclusive", 0, True), ("inclusive", 1, False), ("exclusive", 0, False), ("exclusive", -1, True)],
)
def test_a_click_at_the_very_end_of_its_window(tmp_path, edges, late, clicked):
    memory = small(1, 1)
    when = int(memory.click_time[0]) + DAY
    memory.click_time[:] = when
    one, none = np.zeros(1, np.int64), np.full(1, -1, np.int8)
    shown = ImpressionBatch(
        one, one, one + when - 30 * MINUTE - late, one, one + when, none, none, np.zeros((1, 3), np.int32)
    )
    memory.event = memory.event[:0]
    log = written(tmp_path / "log", memory, shown, pieces=1)
    [(_, labels)] = log.exposed(replace(WINDOWS, edges=edges))
    assert labels.clicked.tolist() == [clicked]


def test_exposed_holds_no_more_clicks_than_the_window_needs(tmp_path, monkeypatch):
    """Several row groups of clicks, one impression each."""
    memory = small(0, 10, WINDOWS)
    n = 400_000
    memory.click_time = np.arange(n) * (10 * DAY // n)
    memory.click_id, memory.feature_matrix = np.arange(n), np.zeros((n, 3), np.int32)
    none = np.full(n, -1, np.int8)
    shown = ImpressionBatch(
        *(memory.click_id,) * 2, memory.click_time, memory.click_id, memory.click_time, none, none,
        memory.feature_matrix,
    )  # fmt: skip
    log = written(tmp_path / "log", memory, shown)
    held = []
    from simulator.log import exposed

    read = exposed._LabelledClicks._read

    def counted(self, last, since):
        read(self, last, since)
        held.append(sum(len(clicks) for clicks, _ in self._held))

    monkeypatch.setattr(exposed._LabelledClicks, "_read", counted)
    assert sum(int(labels.clicked.sum()) for _, labels in log.exposed(WINDOWS, batch_rows=10_000)) == n
    assert max(held) < 300_000


def test_exposure_is_read_beside_the_impressions(tmp_path):
    memory = small(2, 80)
    shown = impressions_of(memory, np.random.default_rng(2))
    true = {"q": np.random.default_rng(3).random(len(shown)), "p_click": np.arange(len(shown)) / 7}
    log = written(tmp_path / "log", memory, shown, exposure=true)
    assert log.meta.exposure == ("q", "p_click")
    low = int(shown.time[50])
    first = int(np.searchsorted(shown.time, low))
    for start, at in ((None, 0), (low, first)):
        parts = list(log.exposure(start))
        assert parts[0][0] == at
        for name, column in true.items():
            np.testing.assert_array_equal(np.concatenate([part[name] for _, part in parts]), column[at:])


def test_a_log_without_impressions_is_written_as_before(tmp_path):
    log = write(tmp_path / "log", small(4))
    said = tomllib.loads((tmp_path / "log" / "meta.toml").read_text())
    assert not {"impressions", "randomised", "exposure"} & set(said)
    assert not (tmp_path / "log" / "impressions").exists()
    assert not log.has_impressions
    assert list(log.impressions()) == list(log.exposed(WINDOWS)) == list(log.exposure()) == []
    assert not small(4).has_impressions
    assert list(small(4).impressions()) == list(small(4).exposed(WINDOWS)) == []


@pytest.mark.parametrize(
    ("column", "at", "value", "said"),
    [
        ("time", 0, 10**15, "impressions out of order at or after row 0"),
        ("features", 3, 50, "id 50 is outside"),
        ("click_time", "clicked", 0, "a click before the impression"),
        ("click_time", "unclicked", 5, "a time of a click, but no click"),
        ("coin", "clicked", 1, "has a journey, though it is in the randomised slice"),
        ("coin", "unclicked", 2, "a coin that is not -1, 0 or 1"),
        ("paid", "unclicked", 1, "paid that is not 0 or 1 where the coin fell on 1"),
        ("click_row", "clicked", 10**6, "but 60 clicks were written"),
    ],
)
def test_impressions_that_contradict_themselves_are_refused(tmp_path, column, at, value, said):
    memory = small(5, 60)
    shown = impressions_of(memory, np.random.default_rng(5))
    if isinstance(at, str):
        at = int(np.flatnonzero(WHICH[at](shown) & (shown.time > 0))[-1])
    getattr(shown, column)[at] = value
    with pytest.raises(LogError, match=said):
        written(tmp_path / "log", memory, shown, pieces=1)
    assert not (tmp_path / "log").exists()


def test_a_click_that_is_none_of_the_log_is_named(tmp_path):
    _, memory, shown = both(tmp_path / "log", 6)
    memory.impression = shown[:]
    clicked = np.flatnonzero(shown.click_time - shown.time <= WINDOWS.click)
    memory.impression.click_row[clicked[clicked > 0][0]] = 10**6
    with pytest.raises(LogError, match="clicked in row 1000000 of the clicks"):
        list(memory.exposed(WINDOWS))


def rewritten(root, change):
    """Rewrite the file of impressions, and say so in meta.toml."""
    from simulator.log.fingerprint import fingerprint, parquet_files

    [path] = (root / "impressions").iterdir()
    pq.write_table(change(pq.read_table(path, partitioning=None)), path)
    meta = root / "meta.toml"
    old = tomllib.loads(meta.read_text())["fingerprint"]
    meta.write_text(meta.read_text().replace(old, fingerprint(root, parquet_files(root))))


def nulls(name):
    def change(table):
        values = table.column(name).to_pylist()
        values[3] = None
        kind = table.schema.field(name).type
        return table.set_column(table.schema.get_field_index(name), name, pa.array(values, kind))

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (nulls("click_row"), "holds nulls"),
        (nulls("a"), "holds nulls"),
        (lambda table: table.slice(1), "impressions, but meta.toml says"),
        (lambda table: table.take(np.arange(table.num_rows)[::-1]), "impressions are not in replay order"),
    ],
    ids=["click_row", "feature", "missing", "reversed"],
)
def test_damaged_impressions_are_refused(tmp_path, change, said):
    memory = small(7, 60)
    written(tmp_path / "log", memory, impressions_of(memory, np.random.default_rng(7), slice_rate=0))
    rewritten(tmp_path / "log", change)
    with pytest.raises(LogError, match=said):
        list(Log.open(tmp_path / "log").impressions())


def test_an_uploaded_log_has_the_impressions_of_its_source():
    from simulator.log.upload import Batches, Uploaded

    memory = small(8)
    memory.impression = impressions_of(memory, np.random.default_rng(8))
    seen = Uploaded(memory, Batches(DAY))
    assert seen.has_impressions
    assert sum(map(len, seen.impressions(which="clicked"))) == (memory.impression.click_row >= 0).sum()
    found = np.concatenate([labels.converted for _, labels in seen.exposed(WINDOWS)])
    expected = np.concatenate([labels.converted for _, labels in memory.exposed(WINDOWS)])
    np.testing.assert_array_equal(found, expected)


def test_impressions_that_meta_does_not_count_are_refused(tmp_path):
    log, _, shown = both(tmp_path / "log", 9, 60)
    meta = log.path / "meta.toml"
    meta.write_text(meta.read_text().replace(f"\nimpressions = {len(shown)}\n", "\n"))
    with pytest.raises(LogError, match=f"holds {len(shown)} impressions, but meta.toml says 0"):
        Log.open(log.path)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_who_saw_what_is_told_in_the_order_of_impressions(tmp_path_factory, seed):
    log, _, shown = both(tmp_path_factory.mktemp("l") / "log", seed, 60)
    start, end = (int(edge) for edge in np.quantile(shown.time, [0.2, 0.9]))
    parts = list(log.shown_ids(start, end, batch_rows=7))
    rows = np.flatnonzero((shown.time >= start) & (shown.time < end) & (shown.coin < 0))
    for name, divisor in (("user_id", 7), ("item_id", 5)):
        np.testing.assert_array_equal(np.concatenate([ids[name] for _, ids in parts]), rows % divisor)
    sizes = [len(ids["user_id"]) for _, ids in parts]
    assert [place for place, _ in parts] == np.cumsum([0, *sizes[:-1]]).tolist()
