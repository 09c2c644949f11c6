"""Impressions of a user's own: a table beside clicks and events, numbered with the clicks."""

from collections import Counter
from pathlib import Path

import duckdb
import numpy as np
import pytest

from simulator.errors import UsageError
from simulator.log import reasons
from simulator.log.intake.imports import import_mapped
from simulator.log.reader import Log
from simulator.windows import Windows

CLICKS = """cid,at,who,what,shop
c1,2024-05-01 10:00:00,ann,9,alpha
c2,2024-05-01 11:00:00,bob,8,beta
c3,2024-05-02 09:00:00,ann,7,alpha
"""
EVENTS = """cid,at,kind,amount
c1,2024-05-01 10:05:00,pay,3.5
"""
SHOWN = """iid,at,cid,who,what,shop
x1,2024-05-01 09:59:00,c1,ann,9,alpha
x2,2024-05-01 09:59:30,,cara,6,gamma
x3,2024-05-01 11:00:00,c2,bob,8,beta
x4,2024-05-02 08:00:00,c3,ann,7,alpha
"""
MAP = """
[data]
clicks = "clicks.csv"
events = "events.csv"
impressions = "shown.csv"
most_bad = 1

[data.columns]
click_id = "cid"
time = "at"
user_id = "who"
item_id = "what"
impression_id = "iid"

[data.features]
shop = "categorical"
what = { kind = "tags", separator = ";" }
"""


def imported(folder: Path, shown=SHOWN, text=MAP, sources=()):
    for name, content in (
        ("clicks.csv", CLICKS),
        ("events.csv", EVENTS),
        ("shown.csv", shown),
        ("my.toml", text),
    ):
        (folder / name).write_text(content)
    import_mapped(folder / "my.toml", sources, folder / "log")
    return Log.open(folder / "log")


def test_impressions_find_their_clicks_and_share_their_ids(tmp_path):
    log = imported(tmp_path)
    [(batch, labels)] = log.exposed(Windows())
    assert (labels.clicked.tolist(), labels.converted.tolist()) == (
        [True, False, True, False],
        [True, False, False, False],
    )
    assert batch.click_row.tolist() == [0, -1, 1, 2]  # the last one was clicked too late
    assert (log.features[0].name, log.features[0].cardinality) == ("shop", 3)
    [clicks] = log.clicks()
    assert batch.features[:, 0].tolist() == [0, 2, 1, 0]
    assert clicks.features[:, 0].tolist() == [0, 1, 0]
    np.testing.assert_array_equal(batch.features[[0, 2, 3]], clicks.features)
    assert log.meta.provenance["source_rows"] == 3 + 1 + 4 == log.meta.read
    table = duckdb.sql(f"SELECT user_id FROM '{tmp_path}/log/impressions/*.parquet' ORDER BY time").fetchall()
    users = duckdb.sql(f"SELECT user_id FROM '{tmp_path}/log/clicks/*.parquet' ORDER BY time").fetchall()
    assert [table[k] for k in (0, 2, 3)] == users
    assert len({*table}) == 3


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x9,2024-05-01 10:00:00,c9,ann,9,alpha", reasons.UNKNOWN_CLICK),
        ("x9,2024-05-01 10:00:01,c1,ann,9,alpha", reasons.AFTER_CLICK),
        ("x9,2024-05-01 09:00:00,c1,ann,9,alpha", reasons.SHARED_CLICK),
        ("x2,2024-05-01 10:30:00,,ann,9,alpha", reasons.DUPLICATE_IMPRESSION),
        (",2024-05-01 10:30:00,,ann,9,alpha", reasons.NULL),
        ("x9,soon,,ann,9,alpha", reasons.NULL),
        ("x9,1999-05-01 10:30:00,,ann,9,alpha", reasons.STRAY),
    ],
    ids=range(7),
)
def test_what_cannot_be_replayed_is_put_aside_with_its_row(tmp_path, row, reason):
    shown = (
        SHOWN + row + "\n"
        if reason != reasons.STRAY
        else SHOWN + row + "\n" + "".join(f"y{k},2024-05-01 12:{k:02}:00,,ann,9,alpha\n" for k in range(20))
    )
    log = imported(tmp_path, shown)
    rows = duckdb.sql(f"SELECT source, reason, row FROM '{tmp_path}/log/quarantine.parquet'").fetchall()
    assert Counter(row[:2] for row in rows) == {("impressions", reason): 1}
    assert row.split(",")[4] in rows[0][2]
    assert log.meta.clicks == 3


def test_the_place_of_the_row_is_the_id_where_there_is_none(tmp_path):
    text = MAP.replace('impression_id = "iid"\n', "")
    log = imported(tmp_path, text=text)
    assert np.concatenate([b.impression_id for b in log.impressions()]).tolist() == [0, 1, 2, 3]


def test_three_sources_take_the_place_of_the_files(tmp_path):
    log = imported(tmp_path)
    names = ("clicks.csv", "events.csv", "shown.csv")
    import_mapped(tmp_path / "my.toml", [tmp_path / name for name in names], tmp_path / "other")
    assert Log.open(tmp_path / "other").meta.fingerprint == log.meta.fingerprint
    with pytest.raises(UsageError, match=r"takes three sources \(clicks, events, impressions\); 2 given"):
        import_mapped(tmp_path / "my.toml", [tmp_path / "clicks.csv"] * 2, tmp_path / "third")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'clicks = "clicks.csv"\nevents = "events.csv"',
            'rows = "clicks.csv"',
            "impressions go with clicks and events",
        ),
        ('impression_id = "iid"', 'impression_id = "iidd"', "iidd.*has no such column.*Did you mean 'iid'"),
        (
            'impression_id = "iid"',
            'impression_click_id = "click"',
            "impression_click_id = 'click'.*has no such column",
        ),
        ("shop =", 'cid = "categorical"\nshopp =', "shopp"),
    ],
    ids=range(4),
)
def test_keys_that_do_not_fit_are_refused(tmp_path, old, new, said):
    with pytest.raises(Exception, match=f"(?s){said}") as caught:
        imported(tmp_path, text=MAP.replace(old, new))
    assert type(caught.value).__module__ == "simulator.errors"
