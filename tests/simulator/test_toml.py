"""Values on one line: what is read back is what was written."""

import tomllib
from datetime import UTC, date, datetime

import pytest

from simulator.toml import key, toml

VALUES = [
    'a "quote", a \\, a tab\t, DEL \x7f, NUL \x00, and ü\n', 1e-05, 1e22, -3, True, [], {}, [1, "x", [2.5]],
    {"a b": {"ü": [{"": 1}, {"q\"'": []}]}, "plain": False}, date(2025, 11, 11), datetime(2025, 11, 11, 8, tzinfo=UTC),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_is_read_back_is_what_was_written(value):
    line = f"{key('the key')} = {toml(value)}  # note"
    assert len(line.splitlines()) == 1
    assert tomllib.loads(line) == {"the key": value}
