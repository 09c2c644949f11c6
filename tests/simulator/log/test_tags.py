"""Features of tags at rest: written, read, ingested, exported; damage is said."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import numpy as np
import pytest

from simulator.errors import LogError, UsageError
from simulator.log.exporters import export_log
from simulator.log.exporters.base import Asked
from simulator.log.ingest import ingest
from simulator.log.reader import Log
from simulator.log.schema import Feature
from simulator.log.sql import workspace
from simulator.log.writer import LogWriter
from simulator.units import HOUR

FEATURES = (Feature("a", 5), Feature("t", 6, 3, "tags"), Feature("price", 4, kind="numeric"))
MATRIX = np.array([[0, -1, -1, -1, 3], [4, 2, 5, 2, 0], [1, 0, -1, -1, 1]], np.int32)


def write(path, matrix=MATRIX):
    n = len(matrix)
    with LogWriter(path, name="tags", origin=datetime(2024, 5, 1, tzinfo=UTC), features=FEATURES) as writer:
        zero = np.zeros(n, np.int64)
        writer.clicks(time=np.arange(n) * HOUR, user_id=zero, item_id=zero, features=matrix)
        writer.close(n * HOUR)
    return Log.open(path)


@pytest.mark.parametrize("time_features", [False, True])
def test_a_log_with_tags_reads_back(tmp_path, time_features):
    assert write(tmp_path / "log").meta.features == FEATURES
    log = Log.open(tmp_path / "log", time_features=time_features)
    [batch] = log.clicks()
    np.testing.assert_array_equal(batch.features[:, :5], MATRIX)
    assert batch.features.shape[1] == sum(feature.width for feature in log.features)
    if time_features:
        np.testing.assert_array_equal(batch.features[:, 5], [0, 1, 2])
    [bare] = log.clicks(features=False)
    assert bare.features.shape == (3, 0)


def test_a_log_without_tags_says_nothing_of_them(tmp_path):
    features = (Feature("a", 5),)
    with LogWriter(
        tmp_path / "log", name="x", origin=datetime(2024, 5, 1, tzinfo=UTC), features=features
    ) as w:
        one = np.zeros(1, np.int64)
        w.clicks(time=one, user_id=one, item_id=one, features=np.zeros((1, 1), np.int32))
        w.close(1)
    text = (tmp_path / "log" / "meta.toml").read_text()
    assert "feature_kinds" not in text
    assert "feature_widths" not in text


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (1, -2, r"id -2 is outside \[-1, 6\)"),
        (2, 6, "id 6 is outside"),
        (2, 1, "tag follows -1"),
        (0, -1, "id -1"),
    ],
)
def test_what_is_no_tag_is_not_written(tmp_path, column, value, message):
    matrix = MATRIX.copy()
    matrix[0, column] = value
    with pytest.raises(LogError, match=message):
        write(tmp_path / "log", matrix)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('t = "tags"', 't = "lists"'),
        ('t = "tags"', "t = 3"),
        ("t = 3", "t = 0"),
        ("t = 3", "t = true"),
        ("t = 3", "u = 3"),
        ("t = 3", "a = 3"),
    ],
)
def test_damaged_kinds_and_widths_are_named(tmp_path, old, new):
    write(tmp_path / "log")
    meta = tmp_path / "log" / "meta.toml"
    text = meta.read_text()
    assert text.count(f"\n{old}\n") == 1
    meta.write_text(text.replace(f"\n{old}\n", f"\n{new}\n"))
    with pytest.raises(LogError, match="damaged"):
        Log.open(tmp_path / "log")


def test_ingest_takes_the_columns_of_tags(tmp_path):
    with workspace(tmp_path / "log") as con:
        con.execute(
            "CREATE TABLE c AS SELECT * FROM (VALUES (1, 0, 7, 7, 2, -1, 1), (2, 5, 7, 7, 1, 3, 0), (3, 9, 7, 7, -2, -1, 0)) "
            'AS v(click_id, time, user_id, item_id, "t.0", "t.1", a)'
        )
        con.execute(
            "CREATE TABLE e AS SELECT 1 AS event_id, 1 AS click_id, 3 AS time, 'pay' AS kind, 2.0 AS amount"
        )
        meta = ingest(
            con,
            clicks="c",
            events="e",
            out=tmp_path / "log",
            name="x",
            origin=datetime(2024, 5, 1, tzinfo=UTC),
            features=["t", "a"],
            provenance={},
            shapes={"t": Feature("t", 1, 2, "tags")},
        )
    assert meta.features == (Feature("t", 4, 2, "tags"), Feature("a", 2))
    assert meta.reasons == {"feature id outside its cardinality": 1}
    [batch] = Log.open(tmp_path / "log").clicks()
    np.testing.assert_array_equal(batch.features, [[2, -1, 1], [1, 3, 0]])


def test_the_flat_export_writes_a_list_and_others_refuse(tmp_path):
    write(tmp_path / "log")
    export_log(tmp_path / "log", tmp_path / "flat.parquet")
    rows = duckdb.sql(f"SELECT t FROM '{tmp_path / 'flat.parquet'}' ORDER BY time").fetchall()
    assert [row for (row,) in rows] == [[], [2, 5, 2], [0]]
    with pytest.raises(UsageError, match=r"feature 't' holds several tags.*--features a,price"):
        export_log(tmp_path / "log", tmp_path / "c.txt", "cascade")
    export_log(tmp_path / "log", tmp_path / "c.txt", "cascade", Asked(features=("a", "price")))
