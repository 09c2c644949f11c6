"""Impressions of a source: those that are kept know their clicks, the others say why they are not."""

from collections import Counter

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from simulator.errors import LogError, UsageError
from simulator.log import reasons
from simulator.log.ingest import ingest
from simulator.log.reader import Log
from simulator.log.sql import workspace
from simulator.windows import Windows

from .ingesting import CLICK, EVENT, SIZES
from .logs import ORIGIN, gather

NAMES = ("impression_id", "time", "user_id", "item_id", "a", "b", "click_id")
SHOWN = pa.schema([(name, pa.string() if name == "click_id" else pa.int64()) for name in NAMES])
CLICKS = [
    (7, 100, 0, 0, 1, 2),
    (8, 200, 0, 0, 3, 4),
    (9, 300, 0, 0, 9, 0),
]  # 9 has an id that is out of bounds


def run(out, shown, *, clicks=CLICKS, **settings):
    with workspace(out) as con:
        for name, rows, schema in (
            ("c", clicks, CLICK),
            ("e", [(1, 7, 150, "pay", 2.0)], EVENT),
            ("i", shown, SHOWN),
        ):
            con.register(
                name, pa.Table.from_pylist([dict(zip(schema.names, r, strict=True)) for r in rows], schema)
            )
        options = {
            "features": ["a", "b"],
            "cardinalities": SIZES,
            "name": "t",
            "origin": ORIGIN,
            "provenance": {},
        }
        return ingest(con, clicks="c", events="e", impressions="i", out=out, **(options | settings))


GOOD = [
    (3, 90, 1, 1, 1, 2, "7"),
    (2, 90, 1, 2, 0, 0, None),
    (1, 95, 1, 3, 0, 5, None),
    (4, 200, 2, 1, 3, 4, "8"),
]


def test_good_impressions_are_sorted_and_know_their_clicks(tmp_path):
    meta = run(tmp_path / "log", GOOD)
    assert (meta.impressions, meta.read) == (4, 2 + 1 + 4 + 1)
    log = Log.open(tmp_path / "log")
    found = dict(
        zip(
            ("id", "row", "time", "at"),
            gather(log.impressions(), "impression_id", "click_row", "time", "click_time"),
            strict=True,
        )
    )
    assert {name: column.tolist() for name, column in found.items()} == {
        "id": [2, 3, 1, 4], "row": [-1, 0, -1, 1], "time": [90, 90, 95, 200], "at": [-1, 100, -1, 200],
    }  # fmt: skip
    [(_, labels)] = log.exposed(Windows())
    assert labels.converted.tolist() == [False, True, False, False]


BAD = [
    ((5, 100, 0, 0, 0, 0, "70"), reasons.UNKNOWN_CLICK),
    ((5, 100, 0, 0, 0, 0, "seven"), reasons.UNKNOWN_CLICK),
    ((5, 100, 0, 0, 9, 0, "9"), reasons.OUTSIDE),
    ((5, 100, 0, 0, 0, 0, "9"), reasons.CLICK_QUARANTINED),
    ((5, 101, 0, 0, 0, 0, "7"), reasons.AFTER_CLICK),
    ((5, 80, 0, 0, 0, 0, "7"), reasons.SHARED_CLICK),
    ((3, 99, 0, 0, 0, 0, None), reasons.DUPLICATE_IMPRESSION),
    ((5, None, 0, 0, 0, 0, None), reasons.NULL),
    ((5, 100, 0, 0, None, 0, None), reasons.NULL),
    ((5, -1, 0, 0, 0, 0, None), reasons.BEFORE_ORIGIN),
    ((5, 100, 0, 0, 0, 6, None), reasons.OUTSIDE),
]


@pytest.mark.parametrize(("row", "reason"), BAD, ids=range(len(BAD)))
def test_a_bad_impression_is_put_aside_with_its_reason(tmp_path, row, reason):
    meta = run(tmp_path / "log", [*GOOD, row])
    assert meta.impressions == 4
    rows = duckdb.sql(f"SELECT source, reason FROM '{tmp_path}/log/quarantine.parquet'").fetchall()
    assert Counter(rows) == {("clicks", reasons.OUTSIDE): 1, ("impressions", reason): 1}
    with pytest.raises(LogError, match=reason):
        run(tmp_path / "other", [*GOOD, row], on_bad_row="fail")


def test_of_impressions_of_one_click_that_at_its_instant_stays(tmp_path):
    run(tmp_path / "log", [(1, 100, 0, 0, 0, 0, "7"), (2, 90, 0, 0, 0, 0, "7")])
    assert gather(Log.open(tmp_path / "log").impressions(), "impression_id")[0].tolist() == [1]


def test_ids_that_only_unclicked_impressions_have_count_for_the_cardinality(tmp_path):
    meta = run(tmp_path / "log", GOOD, cardinalities={})
    assert [f.cardinality for f in meta.features] == [10, 6]
    meta = run(tmp_path / "other", [(1, 5, 0, 0, 40, 0, None)], cardinalities={})
    assert [f.cardinality for f in meta.features] == [41, 5]


def test_click_ids_that_come_again_are_refused(tmp_path):
    again = [(7, 100, 0, 0, 1, 2), (7, 200, 0, 0, 3, 4)]
    with pytest.raises(UsageError, match="click ids are used again later"):
        run(tmp_path / "log", GOOD[:1], clicks=again)


def test_too_many_bad_impressions_are_refused(tmp_path):
    bad = [(k, None, 0, 0, 0, 0, None) for k in range(10, 20)]
    with pytest.raises(UsageError, match="10 of 14 impressions would be put aside"):
        run(tmp_path / "log", [*GOOD, *bad], clicks=CLICKS[:2], most_bad=0.5)


def test_the_order_of_rows_does_not_matter(tmp_path):
    one = run(tmp_path / "one", GOOD)
    other = run(tmp_path / "other", GOOD[::-1])
    assert one.fingerprint == other.fingerprint
    assert np.concatenate([b.features for b in Log.open(tmp_path / "one").impressions()]).shape == (4, 2)
