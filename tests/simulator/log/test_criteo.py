"""Criteo: integers in bins, categories as they first appear, conversions as pays."""

import numpy as np
import pytest

from simulator.errors import UsageError
from simulator.log.importers import import_log
from simulator.log.importers.criteo import BINS
from simulator.units import DAY, SECOND

from .importing import clicks, events, imported
from .research import ranks

RNG = np.random.default_rng(4)


def row(click, pay="", integers=("0",) * 8, categories=("a",) * 9):
    return "\t".join([str(click), str(pay), *map(str, integers), *categories])


def test_integers_and_categories(tmp_path):
    """Against numpy's floor of the scaled value, and a dictionary filled in the order of the file."""
    n = 300
    values = RNG.integers(-3, 2000, (n, 8)) ** 2
    missing = RNG.random((n, 8)) < 0.1
    texts = RNG.integers(0, 40, (n, 9)).astype(str)
    texts[texts == "7"] = ""
    order = RNG.permutation(n)  # lines of the file are not in order of time
    lines = [row(order[k], "", np.where(missing[k], "", values[k].astype(str)), texts[k]) for k in range(n)]
    log = imported(tmp_path, "criteo", lines)
    found = {time // SECOND: list(features.values()) for time, features in clicks(log)}
    masked = np.ma.array(values, mask=missing)
    low, high = masked.min(axis=0), masked.max(axis=0)
    bins = np.array(BINS)
    expected = np.minimum(np.floor((values - low) / (high - low) * bins), bins - 1)
    expected = np.where(missing, bins, expected)
    labels = np.column_stack([ranks(column) for column in texts.T.tolist()])
    for k in range(n):
        assert found[order[k]] == [*expected[k].astype(int), *labels[k]]
    assert [feature.cardinality for feature in log.features[:8]] == [b + 1 for b in BINS]


def test_conversions(tmp_path):
    day = DAY // SECOND
    log = imported(
        tmp_path, "criteo", [row(5, 9), row(6), row(7, 7 + 30 * day), row(8, 9 + 30 * day), row(9, 2)]
    )
    assert [(r, k, t // SECOND, a) for r, k, t, a in events(log)] == [
        (0, "pay", 9, 1.0),
        (2, "pay", 7 + 30 * day, 1.0),
    ]
    assert log.meta.provenance["skipped"] == {"pays more than 30d after their click": 1}
    assert log.meta.reasons == {"event before its click": 1}
    assert all(set(ids.tolist()) == {0} for ids in next(iter(log.ids()))[1].values())
    assert {v for _, features in clicks(log) for v in features.values()} == {0}  # one value of each: bin 0


def test_conversions_were_recorded_for_thirty_days_after_the_last_click(tmp_path):
    """A click without one is then a negative, however late the last event that is there."""
    log = imported(tmp_path, "criteo", [row(5, 9), row(60), row(3600)])
    assert log.meta.observed_until == 3600 * SECOND + 30 * DAY


def test_bad_rows(tmp_path):
    lines = [
        row(5), row("x"), row(5, "soon"), row(5, "", ["1.5"] + ["0"] * 7), row(5, "", ["many"] + ["0"] * 7),
        row(5) + "\tz", "5\t6", row(5).replace("a", "a\0", 1), row(5).replace("a", "a" * 10_000_000, 1),
    ]  # fmt: skip
    log = imported(tmp_path, "criteo", lines)
    assert log.meta.reasons == {
        "click time is no number": 1,
        "conversion time is no number": 1,
        "an integer feature is no integer": 2,
        "line cannot be read: too many columns": 1,
        "line cannot be read: missing columns": 1,
        "holds a NUL byte": 1,
        "line cannot be read: line size over maximum": 1,
    }
    assert log.meta.read == len(lines) == log.meta.provenance["source_rows"]


def test_unix_time_begins_at_midnight(tmp_path):
    log = imported(tmp_path, "criteo", [row(1_400_000_000, 1_400_000_009)])
    assert log.meta.origin.isoformat() == "2014-05-13T00:00:00+00:00"
    assert clicks(log)[0][0] == 1_400_000_000 % 86_400 * SECOND
    assert events(log)[0][2] - clicks(log)[0][0] == 9 * SECOND


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(UsageError, match="is a directory"):
        import_log("criteo", tmp_path, tmp_path / "log")
