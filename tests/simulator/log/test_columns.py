from datetime import UTC, datetime

import duckdb
import pytest

from simulator.errors import LogError
from simulator.log.intake.open import Settings, open_own
from simulator.log.reader import Log
from simulator.scenario.model import DataBlock
from simulator.units import DAY, MINUTE
from simulator.windows import Windows

from .logs import gather

SETTINGS = Settings(Windows(), 10 * DAY, 3 * DAY, None)


def open_mapped(data, cache):
    return open_own(data, SETTINGS, cache)


NOON = 1_700_049_600  # 2023-11-15 12:00 UTC, in seconds


@pytest.fixture
def files(tmp_path):
    """Files of a shop: ids as text, times in seconds, a category as text, a sparse one as numbers."""
    duckdb.sql(f"""COPY (SELECT * FROM (VALUES
        ('x-9', {NOON}, 11, 900, 'shoes', 3, 7000000000),
        ('x-2', {NOON + 60}, 12, 901, 'hats', 0, 8000000000),
        ('x-5', {NOON + 60}, 11, 902, 'shoes', 1, 7000000000))
        t(session, ts, member, sku, category, slot, campaign)) TO '{tmp_path}/c.parquet'""")
    duckdb.sql(f"""COPY (SELECT * FROM (VALUES
        ('x-2', {NOON + 90}, 'order', 12.5), ('x-2', {NOON + 99}, 'return', 2.5),
        ('x-9', {NOON + 70}, 'basket', NULL),
        ('x-7', {NOON + 90}, 'order', 1.0), ('x-9', {NOON + 91}, 'pay', 1.0))
        t(session, ts, what, value)) TO '{tmp_path}/e.parquet'""")
    return tmp_path


def block(files, **change):
    columns = {
        "click_id": "session",
        "time": "ts",
        "user_id": "member",
        "item_id": "sku",
        "features": ["member", "category", "slot", "campaign"],
        "event_click_id": "session",
        "event_time": "ts",
        "kind": "what",
        "amount": "value",
        "time_unit": "s",
        "kinds": {"order": "pay", "return": "refund", "basket": "cart"},
    }
    return DataBlock.model_validate(
        {
            "clicks": f"{files}/c.parquet",
            "events": f"{files}/e.parquet",
            "columns": columns | change,
            "most_bad": 1,
        }
    )


def test_foreign_names_units_kinds_and_ids(files):
    log = Log.open(open_mapped(block(files), files / "cache"))
    assert log.meta.origin == datetime(2023, 11, 15, tzinfo=UTC)
    assert [(f.name, f.cardinality) for f in log.features] == [
        ("member", 13),
        ("category", 2),
        ("slot", 4),
        ("campaign", 2),
    ]
    ids, time, features = gather(log.clicks(), "click_id", "time", "features")
    assert ids.tolist() == [2, 0, 1]  # x-9, x-2, x-5: numbered in order of the text
    assert time.tolist() == [DAY // 2, DAY // 2 + MINUTE, DAY // 2 + MINUTE]
    assert features.tolist() == [[11, 1, 3, 0], [12, 0, 0, 1], [11, 1, 1, 0]]
    row, kind, amount = gather(log.events(), "row", "kind", "amount")
    assert (row.tolist(), kind.tolist(), amount.tolist()) == ([0, 1, 1], [1, 2, 3], [0.0, 12.5, 2.5])
    assert log.meta.reasons == {"unknown click_id": 1, "unknown kind": 1}
    assert log.meta.read == 8


def test_the_cache_is_used_until_a_file_or_a_setting_changes(files):
    cache = files / "cache"
    first = open_mapped(block(files), cache)
    stamp = (first / "meta.toml").stat().st_mtime_ns
    assert open_mapped(block(files), cache) == first
    assert (first / "meta.toml").stat().st_mtime_ns == stamp
    other = open_mapped(block(files, features=["slot"]), cache)
    assert other != first
    duckdb.sql(f"COPY (SELECT * FROM '{files}/e.parquet' LIMIT 3) TO '{files}/e2.parquet'")
    (files / "e2.parquet").replace(files / "e.parquet")
    third = open_mapped(block(files), cache)
    assert third != first
    assert Log.open(third).meta.quarantined == 0


def test_a_damaged_cache_is_made_again(files):
    path = open_mapped(block(files), files / "cache")
    (path / "clicks" / "day=0000.parquet").write_bytes(b"")
    assert open_mapped(block(files), files / "cache") == path
    assert Log.open(path).meta.clicks == 3


def test_features_default_to_user_and_item_and_the_candidates_are_named(files):
    log = Log.open(open_mapped(block(files, features=[]), files / "cache"))
    assert [(f.name, f.cardinality) for f in log.features] == [("user", 13), ("item", 903)]
    assert "can name any of category, slot, campaign" in " ".join(log.meta.notes)


@pytest.mark.parametrize(
    ("unit", "kind", "value"),
    [
        ("ms", "BIGINT", NOON * 1000),
        ("us", "BIGINT", NOON * 1_000_000),
        ("s", "DOUBLE", NOON + 0.0),
        ("timestamp", "TIMESTAMP", "2023-11-15 12:00:00"),
        ("timestamp", "TIMESTAMPTZ", "2023-11-15 13:00:00+01"),
        ("timestamp", "TIMESTAMP_NS", "2023-11-15 12:00:00"),
        ("timestamp", "DATE", "2023-11-15"),
    ],
)
def test_time_units(tmp_path, unit, kind, value):
    row = f"SELECT 1 AS click_id, CAST('{value}' AS {kind}) AS time, 2 AS user_id, 3 AS item_id"
    duckdb.sql(f"COPY ({row}) TO '{tmp_path}/c.parquet'")
    duckdb.sql(f"COPY ({row}, 'pay' AS kind) TO '{tmp_path}/e.parquet'")
    data = {"clicks": f"{tmp_path}/*c.parquet", "events": f"{tmp_path}/e.parquet"}
    data["columns"] = {"time_unit": unit, "amount": None}
    log = Log.open(open_mapped(DataBlock.model_validate(data), tmp_path / "cache"))
    [clicks], [events] = log.clicks(), log.events()
    assert log.meta.origin == datetime(2023, 11, 15, tzinfo=UTC)
    assert clicks.time.tolist() == events.time.tolist() == [0 if kind == "DATE" else DAY // 2]
    assert events.amount.tolist() == [1.0]


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (
            {"time": "tss", "kind": "wat"},
            [
                "time = 'tss'",
                "it has session, ts, member",
                "Did you mean 'ts'?",
                "kind = 'wat'",
                "Did you mean 'what'?",
            ],
        ),
        ({"features": ["categori"]}, ["features = 'categori'", "Did you mean 'category'?"]),
        (
            {"time_unit": "timestamp"},
            ["holds INTEGER there, but time_unit = 'timestamp' needs a timestamp or date"],
        ),
        ({"amount": "what"}, ["amount = 'what'", "holds text such as 'basket' there; allowed: numbers"]),
    ],
)
def test_wrong_columns_are_named_with_what_there_is(files, change, messages):
    with pytest.raises(LogError) as caught:
        open_mapped(block(files, **change), files / "cache")
    for message in messages:
        assert message in str(caught.value)


def test_files_that_are_not_there_or_not_parquet(files):
    with pytest.raises(LogError, match="no such file"):
        open_mapped(block(files).model_copy(update={"clicks": (f"{files}/none*.parquet",)}), files / "cache")
    (files / "bare").mkdir()
    with pytest.raises(LogError, match="holds no data file"):
        open_mapped(block(files).model_copy(update={"clicks": (f"{files}/bare",)}), files / "cache")
    (files / "text.parquet").write_text("click_id,time\n1,2\n")
    with pytest.raises(LogError, match="cannot be read as Parquet"):
        open_mapped(block(files).model_copy(update={"clicks": (f"{files}/text.parquet",)}), files / "cache")
    assert not (files / "cache").exists()


def test_on_bad_row_fail(files):
    with pytest.raises(LogError, match="2 bad rows"):
        open_mapped(block(files).model_copy(update={"on_bad_row": "fail"}), files / "cache")
