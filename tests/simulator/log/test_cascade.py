"""CASCADE: raw shards as the published processing reads them, the processed file, and hostile ones."""

import ast
import gzip
import pickle

import farmhash
import pytest

from simulator.errors import LogError, UsageError
from simulator.log.importers import import_log
from simulator.log.importers.cascade import ORIGIN_SECONDS, SIZES
from simulator.log.importers.hashing import fingerprints
from simulator.log.reader import Log
from simulator.units import DAY, SECOND

from .importing import clicks, events, imported, quarantined

IDS = "\t".join(str(k % 8) for k in range(22))


def raw(click, pay="[]", refund="[]", features=None):
    return "\t".join([str(ORIGIN_SECONDS + click), pay, refund, *(features or ["x"] * 22)])


def at(*times):
    return str([ORIGIN_SECONDS + time for time in times])


def conserved(log):
    meta = log.meta
    return meta.read == meta.clicks + meta.events + sum(meta.reasons.values())


def test_the_processed_file(tmp_path):
    lines = [f"9\t-1\t-1\t{IDS}", f"5\t7\t8\t{IDS}", f"5\t6.0\t\t{IDS}", f"0\t0\t-1\t{IDS}"]
    log = imported(tmp_path, "cascade", lines)
    assert log.meta.provenance["read_as"] == "the processed file"
    assert log.meta.origin.isoformat() == "2025-04-30T16:00:00+00:00"
    assert [time for time, _ in clicks(log)] == [0, 5 * SECOND, 5 * SECOND, 9 * SECOND]
    assert [(k, t // SECOND, a) for _, k, t, a in events(log)] == [
        ("pay", 0, 1.0), ("pay", 6, 1.0), ("pay", 7, 1.0), ("refund", 8, 1.0)
    ]  # fmt: skip
    assert [feature.cardinality for feature in log.features] == list(SIZES)
    assert next(iter(log.ids()))[1]["item_id"].tolist() == [5] * 4


def test_raw_times_are_lists_of_which_the_first_counts(tmp_path):
    lines = [
        raw(10, at(30, 20), at(50)),
        raw(11, "", "nan"),
        raw(12, str(ORIGIN_SECONDS + 40), "[]"),  # a bare number is nothing, as published
        raw(13, f"[ {ORIGIN_SECONDS + 60}.0 , ]", "[-1]"),
    ]
    log = imported(tmp_path, "cascade", lines)
    assert events(log) == [
        (0, "pay", 30 * SECOND, 1.0),
        (0, "refund", 50 * SECOND, 1.0),
        (3, "pay", 60 * SECOND, 1.0),
    ]
    skipped = log.meta.provenance["skipped"]
    assert skipped == {
        "pay times after the first of their list (as published)": 1,
        "pay times that are no list, taken for none (as published)": 1,
    }


CELLS = [
    "abc", "['abc', 'z']", '["a b"]', "[12, 13]", "[1.50]", "[True]", "[None, 1]", "['it\\'s']", "[]", "[1,2", "['a'",
    "é", "[x]", "  pad", "7", "007", "a,b", "['x'] ", "[1e3]", "['', 'b']", '"q"', "[-4]",
]  # fmt: skip


def published(cell):
    """The published processing of a categorical cell, by Python's own literal parser."""
    try:
        value = ast.literal_eval(cell.strip()) if cell.startswith("[") else None
    except (ValueError, SyntaxError):
        value = None
    return str(value[0]) if isinstance(value, list) and value else cell


def test_raw_features_are_hashed_as_published(tmp_path):
    log = imported(tmp_path, "cascade", [raw(1, features=CELLS)])
    expected = [
        farmhash.Fingerprint64(published(c)) % n for c, n in zip(CELLS, SIZES, strict=True) if c != "['x'] "
    ]
    found = [int(v) for (k, v), c in zip(clicks(log)[0][1].items(), CELLS, strict=True) if c != "['x'] "]
    assert found == expected


def test_missing_features_hash_as_nan(tmp_path):
    missing = ["", "nan", "NaN", "NULL", "None", "N/A"] + ["x"] * 16
    log = imported(tmp_path, "cascade", [raw(1, features=missing)])
    found = list(clicks(log)[0][1].values())
    assert found[:6] == [farmhash.Fingerprint64("nan") % n for n in SIZES[:6]]


def test_the_hash_is_farmhash():
    """Values of the reference implementation."""
    assert fingerprints(["", "nan", "abc"], 3).tolist() == [
        11160318154034397263, 9767685807239841484, 2640714258260161385
    ]  # fmt: skip


def test_a_directory_of_shards(tmp_path):
    folder = tmp_path / "CASCADE"
    folder.mkdir()
    for k, name in enumerate(["b.txt", "a.txt", "c.txt", "notes.md"]):
        (folder / name).write_text(f"{raw(k)}\n{raw(k)}\nbad\n" if name.endswith("txt") else "no data")
    meta = import_log("cascade", folder, tmp_path / "log")
    assert (meta.clicks, meta.quarantined, meta.provenance["source_rows"]) == (6, 3, 9)
    (folder / "d.txt").write_bytes(gzip.compress(raw(1).encode()))
    with pytest.raises(UsageError, match="some shards are gzip"):
        import_log("cascade", folder, tmp_path / "log2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="directory without shards"):
        import_log("cascade", tmp_path / "empty", tmp_path / "log2")
    (folder / "d.txt").write_text("")
    with pytest.raises(UsageError, match=r"d\.txt: is empty"):
        import_log("cascade", folder, tmp_path / "log2")


def test_hostile_rows_are_rejected_with_a_reason(tmp_path):
    lines = [
        raw(1), raw(2, "[1,2"), raw(2, "__import__('os').system('touch canary')"), raw(2, "[nan]"), raw(2, "[1, 'a']"),
        raw(2, "[" + "1," * 10_000 + "1]"), raw(2, "[[1]]"), raw(3, "[]", "soon"), raw(4).replace("x", "y\0", 1),
        raw(5)[1:] + "\tmore", raw(6).rpartition("\t")[0], "tomorrow" + raw(7), raw(8, "9" * 10_000_000),
        raw(9, "", "", ["x" * 10_000_000] + ["x"] * 21), raw(-5),
    ]  # fmt: skip
    log = imported(tmp_path, "cascade", lines)
    assert log.meta.clicks == 1
    assert log.meta.reasons == {
        "pay times are no list of numbers": 5,
        "refund times are no list of numbers": 1,
        "a list is too long": 1,
        "holds a NUL byte": 1,
        "line cannot be read: too many columns": 1,
        "line cannot be read: missing columns": 1,
        "line cannot be read: line size over maximum": 2,
        "click time is no number": 1,
        "time before the origin of the log": 1,
    }
    assert log.meta.provenance["source_rows"] == len(lines) == log.meta.clicks + log.meta.quarantined
    assert conserved(log)
    assert any("__import__" in row for row in quarantined(log)["pay times are no list of numbers"])


def test_bad_rows_of_the_processed_file(tmp_path):
    big = IDS.rpartition("\t")[0] + "\t16"
    lines = [
        f"5\t-1\t-1\t{IDS}", f"5\tx\t-1\t{IDS}", f"5\t-1\t1.5\t{IDS}", f"5\t-1\t9\t{IDS}", f"5\t4\t-1\t{IDS}",
        f"5\t-1\t-1\t{big}", f"5\t-1\t-1\ta{IDS}", f"{'9' * 20}\t-1\t-1\t{IDS}", f"5\t-7\t-1\t{IDS}",
    ]  # fmt: skip
    log = imported(tmp_path, "cascade", lines)
    assert log.meta.reasons == {
        "pay time is no number": 1,
        "refund time is no number": 1,
        "refund without a pay before it": 1,
        "event before its click": 2,
        "feature id outside its cardinality": 1,
        "a feature is no id": 1,
        "click time is no number": 1,
    }
    assert conserved(log)


def test_late_pays_are_left_out_with_their_refunds(tmp_path):
    day = DAY // SECOND
    lines = [f"0\t{day}\t{9 * day}\t{IDS}", f"0\t{day + 1}\t{2 * day}\t{IDS}"]
    log = imported(tmp_path, "cascade", lines, attribution=DAY)
    assert [(row, kind) for row, kind, *_ in events(log)] == [(0, "pay"), (0, "refund")]
    assert log.meta.provenance["skipped"] == {
        "pays more than 1d after their click": 1,
        "refunds of such pays": 1,
    }


def test_a_mapping_takes_the_place_of_hashing(tmp_path):
    mapping = {str(k + 3): {"x": 5, "other": 1} for k in range(22)}
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(mapping))
    features = ["x", "y"] + ["['other', 'x']"] * 20
    log = imported(tmp_path, "cascade", [raw(1, features=features)], mapping=tmp_path / "m.pkl")
    assert list(clicks(log)[0][1].values()) == [5, farmhash.Fingerprint64("y") % SIZES[1]] + [1] * 20
    (tmp_path / "short.pkl").write_bytes(pickle.dumps({"a": {}}))
    for lines, name, message in (
        ([raw(1)], "short.pkl", "maps 1 columns"),
        ([f"5\t-1\t-1\t{IDS}"], "m.pkl", "has ids already"),
    ):
        (tmp_path / "s.txt").write_text("\n".join(lines) + "\n")
        with pytest.raises(UsageError, match=message):
            import_log("cascade", tmp_path / "s.txt", tmp_path / "log2", mapping=tmp_path / name)


def test_only_bad_rows_or_another_file(tmp_path):
    (tmp_path / "s.txt").write_text(raw(2, "[1,2") + "\n")
    with pytest.raises(LogError, match=r"no click is left.*\n.*pay times are no list"):
        import_log("cascade", tmp_path / "s.txt", tmp_path / "log")
    (tmp_path / "s.txt").write_text("1,2,3\n")
    with pytest.raises(UsageError, match="its first line has 1 columns; expected 25"):
        import_log("cascade", tmp_path / "s.txt", tmp_path / "log")
    assert [path.name for path in tmp_path.iterdir()] == ["s.txt"]
    with pytest.raises(UsageError, match="takes no mapping file"):
        import_log("criteo", tmp_path / "s.txt", tmp_path / "log", mapping=tmp_path / "m")


def test_opened_again(tmp_path):
    log = imported(tmp_path, "cascade", [raw(1)], packed=True)
    assert Log.open(log.path).meta.clicks == 1
