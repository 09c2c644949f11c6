"""A log that is not whole, not of this version or not the one that was imported says so."""

import pyarrow.parquet as pq
import pytest

from simulator.errors import LogError
from simulator.log.reader import Log

from .logs import small, write


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "log", small(4))
    return tmp_path / "log"


def test_no_directory(tmp_path):
    with pytest.raises(LogError, match="no such log"):
        Log.open(tmp_path / "nowhere")


def test_a_file_instead_of_a_directory(tmp_path):
    (tmp_path / "log").write_text("")
    with pytest.raises(LogError, match="not a directory"):
        Log.open(tmp_path / "log")


def test_no_meta(path):
    (path / "meta.toml").unlink()
    with pytest.raises(LogError, match=r"has no meta\.toml"):
        Log.open(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema_version = 1", "schema_version = 9", "schema_version 9 is unknown; allowed: 1"),
        ("schema_version = 1", "", "schema_version None"),
        ("clicks = 200", "", "damaged"),
        ("clicks = 200", "clicks = 'many'", "damaged"),
        ("[features]\n", "[features]\nnone = 0\n", "feature 'none' has no ids"),
        ("clicks = 200", "clicks = 201", "holds 200 clicks"),
        ("name =", "name", "TOML"),
    ],
)
def test_damaged_meta(path, old, new, message):
    meta = path / "meta.toml"
    text = meta.read_text()
    assert old in text
    meta.write_text(text.replace(old, new, 1))
    with pytest.raises(LogError, match=message):
        Log.open(path)


def test_missing_file(path):
    (path / "events" / "day=0000.parquet").unlink()
    with pytest.raises(LogError, match=r"day=0000\.parquet: is missing"):
        Log.open(path)


def test_added_file(path):
    file = path / "clicks" / "day=0000.parquet"
    file.with_name("day=0009.parquet").write_bytes(file.read_bytes())
    with pytest.raises(LogError, match=r"day=0009\.parquet: does not belong"):
        Log.open(path)


@pytest.mark.parametrize("keep", [0, 3, 100, -1])
def test_truncated_file(path, keep):
    file = path / "clicks" / "day=0000.parquet"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(LogError, match="not a whole Parquet file"):
        Log.open(path)


def test_changed_file(path):
    file = path / "clicks" / "day=0000.parquet"
    table = pq.read_table(file)
    pq.write_table(table.slice(1), file)
    with pytest.raises(LogError, match="changed since it was imported"):
        Log.open(path)


def test_damage_inside_a_file_is_one_message(path):
    file = path / "clicks" / "day=0000.parquet"
    content = bytearray(file.read_bytes())
    content[40:400] = bytes(360)
    file.write_bytes(content)
    log = Log.open(path)  # the footer is whole, so this shows when the columns are read
    with pytest.raises(LogError, match="cannot be read"):
        list(log.clicks())
