from itertools import pairwise

import numpy as np
import pytest

from simulator.errors import LogError
from simulator.log.reader import Log
from simulator.log.schema import ROW_GROUP, ClickBatch, Feature, Labels
from simulator.log.writer import LogWriter
from simulator.units import DAY, HOUR
from simulator.windows import Windows

from .logs import ORIGIN, gather, small, write

WINDOWS = Windows(DAY, DAY)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Several files and row groups, many ties in time, truth; with the arrays it was written from."""
    rng = np.random.default_rng(5)
    n = 500_000
    time = np.sort(rng.integers(0, 6 * DAY // HOUR * 60, n)) * (HOUR // 60)
    features = rng.integers(0, 9, (n, 2)).astype(np.int32)
    truth = {"p_pay": rng.random(n)}
    row = rng.integers(0, n, 40_000)
    when = time[row] + rng.integers(0, 2 * DAY, len(row))
    kind = rng.integers(1, 4, len(row)).astype(np.uint8)
    order = np.lexsort((kind, when))
    events = {"row": row[order], "time": when[order], "kind": kind[order], "amount": rng.random(len(row))}
    path = tmp_path_factory.mktemp("wide") / "log"
    names = (Feature("a", 9), Feature("b", 9))
    with LogWriter(path, name="wide", origin=ORIGIN, features=names, truth=("p_pay",)) as writer:
        for day in range(6):
            a, b = np.searchsorted(time, [day * DAY, (day + 1) * DAY])
            first = writer.clicks(
                time=time[a:b],
                user_id=row[: b - a] if b - a <= len(row) else np.zeros(b - a, np.int64),
                item_id=np.zeros(b - a, np.int64),
                features=features[a:b],
                truth={"p_pay": truth["p_pay"][a:b]},
            )
            assert first == a
        writer.events(**events)
        meta = writer.close(8 * DAY)
    return Log.open(path), meta, time, features, truth["p_pay"], events


def test_the_log_gives_back_what_was_written(wide):
    log, meta, time, features, p_pay, events = wide
    assert log.meta == meta
    assert (meta.clicks, meta.events, meta.quarantined, meta.start) == (len(time), 40_000, 0, time[0])
    ids, times, matrix = gather(log.clicks(), "click_id", "time", "features")
    np.testing.assert_array_equal(ids, np.arange(len(time)))
    np.testing.assert_array_equal(times, time)
    np.testing.assert_array_equal(matrix, features)
    for name, column in zip(events, gather(log.events(), *events), strict=True):
        np.testing.assert_array_equal(column, events[name])
    truth = np.concatenate([columns["p_pay"] for _, columns in log.truth()])
    np.testing.assert_array_equal(truth, p_pay)
    assert log.has_truth


def test_a_file_holds_whole_days_and_at_least_a_row_group(wide):
    log, *_ = wide
    spans = [(file.start // DAY, file.end // DAY, file.rows) for file in log._clicks]
    assert len(spans) == 3  # 83,000 clicks a day: two days make a file
    assert all(after[0] > before[1] for before, after in pairwise(spans))
    assert all(rows >= ROW_GROUP for _, _, rows in spans[:-1])
    assert [file.rows for file in log._truth] == [rows for _, _, rows in spans]


def test_sparse_days_share_a_file(tmp_path):
    log = write(tmp_path / "log", small(1))
    assert [path.name for path in sorted((tmp_path / "log" / "clicks").iterdir())] == ["day=0000.parquet"]
    assert log.meta.clicks == 200


@pytest.mark.parametrize("batch_rows", [777, 4096, ROW_GROUP, 1_000_000])
@pytest.mark.parametrize(
    "span", [(None, None), (DAY + 7 * HOUR, 4 * DAY), (0, 1), (5 * DAY, None), (None, 3 * DAY)]
)
def test_ranges_and_rows_do_not_depend_on_batches(wide, batch_rows, span):
    log, _, time, features, p_pay, events = wide
    start, end = span
    low, high = np.searchsorted(time, [start or 0, end or 99 * DAY])
    at = low
    for batch in log.clicks(start, end, batch_rows=batch_rows):
        assert batch.row == at
        assert len(batch) <= batch_rows
        assert batch.features.flags.c_contiguous
        np.testing.assert_array_equal(batch.time, time[at : at + len(batch)])
        np.testing.assert_array_equal(batch.features, features[at : at + len(batch)])
        at += len(batch)
    assert at == high
    found = [b.row for b in log.events(start, end, batch_rows=batch_rows)]
    inside = (events["time"] >= (start or 0)) & (events["time"] < (end or 99 * DAY))
    np.testing.assert_array_equal(np.concatenate([*found, np.empty(0, np.int64)]), events["row"][inside])
    at = low
    for row, columns in log.truth(start, end):
        assert row == at
        np.testing.assert_array_equal(columns["p_pay"], p_pay[at : at + len(columns["p_pay"])])
        at += len(columns["p_pay"])
    assert at == high


def labelled(log, span, **settings):
    """Click ids, features and labels of a span."""
    parts = list(log.labelled(WINDOWS, *span, **settings))
    clicks, labels = ClickBatch.concatenate([c for c, _ in parts]), Labels.concatenate([x for _, x in parts])
    return [clicks.row, clicks.click_id, clicks.features, *labels.arrays().values()]


@pytest.mark.parametrize("held", [0, 1_000_000])
def test_a_span_of_labelled_clicks_is_read_once_if_it_is_small(wide, monkeypatch, held):
    monkeypatch.setattr("simulator.log.reader.HELD", held)
    log, reads = Log.open(wide[0].path), []
    stream = log._scan.stream
    monkeypatch.setattr(log._scan, "stream", lambda *a, **k: reads.append(a) or stream(*a, **k))
    span = (DAY, 3 * DAY)
    first = labelled(log, span)
    once = len(reads)
    for settings in ({}, {"batch_rows": 777}):
        for a, b in zip(first, labelled(log, span, **settings), strict=True):
            np.testing.assert_array_equal(a, b)
    bare = labelled(log, span, features=False)
    assert bare[2].shape == (len(first[1]), 0)
    np.testing.assert_array_equal(bare[1], first[1])
    assert len(reads) == (once if held else 4 * once)
    assert len(labelled(log, (DAY, 2 * DAY))[1]) < len(first[1])
    assert len(reads) > once


def test_what_is_held_cannot_be_written_to(wide):
    log = Log.open(wide[0].path)
    clicks, labels = next(log.labelled(WINDOWS, DAY, 2 * DAY))
    for values in (clicks.click_id, clicks.time, clicks.features, *labels.arrays().values()):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0


def test_iterators_do_not_disturb_each_other_whatever_the_threads(wide):
    log, _, time, *_ = wide
    two = Log.open(log.path, threads=2)
    first, second = (
        two.clicks(features=False, batch_rows=50_000),
        two.clicks(features=False, batch_rows=50_000),
    )
    events = two.events()
    seen = []
    for one in first:
        other = next(second)
        next(events, None)
        np.testing.assert_array_equal(one.time, other.time)
        assert one.features.shape == (len(one), 0)
        seen.append(one.time)
    np.testing.assert_array_equal(np.concatenate(seen), time)


def test_features_of_time_count_from_the_local_midnight(tmp_path):
    log = small(2)
    write(tmp_path / "log", log)
    opened = Log.open(tmp_path / "log", time_features=True)
    assert opened.features[-2:] == (Feature("hour", 24), Feature("weekday", 7))
    (matrix,) = gather(opened.clicks(), "features")
    np.testing.assert_array_equal(matrix[:, :3], log.feature_matrix)
    stamps = np.datetime64("2024-05-01", "us") + log.click_time
    np.testing.assert_array_equal(matrix[:, 3], [stamp.item().hour for stamp in stamps])
    np.testing.assert_array_equal(matrix[:, 4], [stamp.item().weekday() for stamp in stamps])


def test_rows_out_of_order_are_an_error(tmp_path, monkeypatch):
    write(tmp_path / "log", small(3))
    log = Log.open(tmp_path / "log")
    reordered = f"(SELECT * FROM read_parquet('{tmp_path}/log/clicks/*.parquet') ORDER BY time DESC)"
    monkeypatch.setattr(
        log._scan, "stream", lambda *_: log._scan.batches(f"SELECT click_id, time FROM {reordered}", [], 50)
    )
    with pytest.raises(LogError, match="clicks are not in replay order"):
        list(log.clicks(features=False))
