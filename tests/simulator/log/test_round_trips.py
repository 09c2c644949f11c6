"""import(export(log)) is the log as far as the format carries it; a second export is the first, byte for byte."""

import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import farmhash
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from simulator.errors import UsageError
from simulator.log.exporters import Asked, export_log
from simulator.log.exporters.cascade import preimages
from simulator.log.exporters.placement import place
from simulator.log.importers import import_log
from simulator.log.importers.cascade import SIZES
from simulator.log.importers.criteo import BINS
from simulator.log.importers.trace import SIZES as VOCABULARY
from simulator.log.reader import Log
from simulator.log.schema import Kind
from simulator.units import DAY, SECOND
from simulator.windows import Windows

from .research import journeys, ranks, seconds, write_log

ROUNDS = settings(
    max_examples=3, deadline=None, phases=(Phase.explicit, Phase.generate)
)  # a smaller seed is none
SMALL = {"user": 300, "shop": 40, "device": 5, "item": 9000}


def there_and_back(folder, log, form, **asked):
    """Export, import, export again (the two files must be one); return both logs and what was exported."""
    exported = export_log(log.path, folder / "once.txt", form, Asked(**asked))
    meta = import_log(form, exported.path, folder / "back", attribution=30 * DAY)
    assert meta.quarantined == 0
    again = export_log(folder / "back", folder / "twice.txt", form, Asked(raw=asked.get("raw", False)))
    assert again.path.read_bytes() == exported.path.read_bytes()
    return Log.open(folder / "back"), exported


def check_features(log, back, exported):
    named, found = journeys(log)[1], journeys(back)[1]
    for column, values in found.items():
        expected = named[exported.placed[column]] if column in exported.placed else np.zeros_like(values)
        np.testing.assert_array_equal(values, expected)


@ROUNDS
@given(seed=st.integers(0, 2**32), fine=st.booleans(), full=st.booleans())
def test_cascade(seed, fine, full):
    sizes = {f"x{k}": size for k, size in enumerate(SIZES)} if full else SMALL
    with TemporaryDirectory() as name:
        folder = Path(name)
        log = write_log(folder / "log", seed, sizes, grid=SECOND // 4 if fine else SECOND)
        back, exported = there_and_back(folder, log, "cascade")
        check_features(log, back, exported)
        time, _, pays, refunds = journeys(log)
        found = journeys(back)
        np.testing.assert_array_equal(found[0], seconds(time))
        assert found[2] == [[(seconds(p[0][0]), 1.0)] if p else [] for p in pays]
        assert found[3] == [[seconds(r[0])] if r else [] for r in refunds]
        assert bool(exported.left_out.get("fractions of a second, rounded down")) == fine
        later = sum(max(len(p) - 1, 0) for p in pays)
        assert exported.left_out.get("pays after the first of a click", 0) == later


@ROUNDS
@given(seed=st.integers(0, 2**32), full=st.booleans())
def test_trace(seed, full):
    sizes = {f"x{k}": size for k, size in enumerate(VOCABULARY)} if full else SMALL
    with TemporaryDirectory() as name:
        folder = Path(name)
        log = write_log(folder / "log", seed, sizes, kinds=(Kind.PAY,))
        back, exported = there_and_back(folder, log, "trace", windows=Windows(2 * DAY, 0))
        time, named, pays, _ = journeys(log)
        inside = [
            [(t, a) for t, a in p if t - c <= 2 * DAY] for c, p in zip(time.tolist(), pays, strict=True)
        ]
        rows = np.array([k for k, p in enumerate(inside) if p])
        found = journeys(back)
        np.testing.assert_array_equal(found[0], time[rows])
        assert found[2] == [inside[k] for k in rows]
        for column, feature in exported.placed.items():
            np.testing.assert_array_equal(found[1][column], named[feature][rows])
        assert exported.left_out.get("clicks without a pay in the window", 0) == len(time) - len(rows)
        outside = sum(map(len, pays)) - sum(map(len, inside))
        assert exported.left_out.get("pays outside the windows", 0) == outside


@ROUNDS
@given(seed=st.integers(0, 2**32), full=st.booleans())
def test_criteo(seed, full):
    """Categories come back numbered as they appear; integers spread over all bins, in their order, one to one."""
    sizes = {f"i{k}": bins + 1 for k, bins in enumerate(BINS)} | {f"c{k}": 20 for k in range(9)}
    with TemporaryDirectory() as name:
        folder = Path(name)
        log = write_log(folder / "log", seed, sizes if full else SMALL, kinds=(Kind.PAY,))
        back, exported = there_and_back(folder, log, "criteo")
        time, named, pays, _ = journeys(log)
        found = journeys(back)
        np.testing.assert_array_equal(found[0], time)
        assert found[2] == [[(p[0][0], 1.0)] if p else [] for p in pays]
        for column, feature in exported.placed.items():
            values, given_ids = found[1][column], named[feature]
            if column.startswith("c"):
                assert values.tolist() == ranks(given_ids.tolist())
            else:
                missing = given_ids == BINS[int(column[1:])]
                np.testing.assert_array_equal(values == BINS[int(column[1:])], missing)
                pairs = sorted(set(zip(given_ids[~missing].tolist(), values[~missing].tolist(), strict=True)))
                before, after = zip(*pairs, strict=True)
                assert (np.diff(before) > 0).all()
                assert (np.diff(after) > 0).all()


def test_raw_shards_hash_to_the_ids_of_the_log(tmp_path):
    sizes = {f"x{k}": min(size, 40) for k, size in enumerate(SIZES)}
    log = write_log(tmp_path / "log", 5, sizes)
    processed, exported = there_and_back(tmp_path, log, "cascade")
    (tmp_path / "raw").mkdir()
    raw, _ = there_and_back(tmp_path / "raw", log, "cascade", raw=True)
    check_features(log, raw, exported)
    assert str(journeys(raw)) == str(journeys(processed))
    assert raw.meta.provenance["read_as"] == "raw shards"
    line = (tmp_path / "raw" / "once.txt").read_text().splitlines()[0].split("\t")
    assert [farmhash.Fingerprint64(text) % n for text, n in zip(line[3:], SIZES, strict=True)] == [
        int(named[0]) for named in journeys(log)[1].values()
    ]


def test_preimages_are_the_least():
    ids = [np.arange(min(size, 8)) for size in SIZES]
    found = preimages(ids)
    for size, tokens in zip(SIZES[:1], found, strict=False):
        first = {}
        for token in range(200):
            first.setdefault(farmhash.Fingerprint64(str(token)) % size, token)
        assert tokens.tolist() == [first[k] for k in range(8)]


def test_placement():
    assert place({"a": 3, "b": 9}, (3, 9), form="f") == [("a",), ("b",)]
    assert place({"b": 9, "a": 3}, (3, 9), form="f") == [("a",), ("b",)]
    assert place({"a": 3}, (2, 9, 4), form="f") == [(), (), ("a",)]
    assert place({"a": 3}, (2, 9, 4), form="f", preferred={"a": 1}) == [(), ("a",), ()]
    assert place({"b": 3, "a": 3}, (4, 9, 9), form="f", preferred={"a": 0}) == [("a",), ("b",), ()]
    with pytest.raises(
        UsageError, match=r"no column is left that holds c \(5 ids\); leave it out with --features a,b"
    ):
        place({"a": 3, "c": 5, "b": 9}, (3, 4, 9), form="f")
    with pytest.raises(UsageError, match="none fits"):
        place({"a": 99}, (3,), form="f")


def test_features_can_be_chosen_and_files_packed(tmp_path):
    log = write_log(tmp_path / "log", 1, SMALL)
    exported = export_log(log.path, tmp_path / "some.txt.gz", "cascade", Asked(features=("shop", "item")))
    assert set(exported.placed.values()) == {"shop", "item"}
    assert all(line.count(b"\t") == 24 for line in gzip.decompress(exported.path.read_bytes()).splitlines())
    assert import_log("cascade", exported.path, tmp_path / "back").clicks == 120
    with pytest.raises(UsageError, match=r"unknown feature 'shp'.*Did you mean 'shop'"):
        export_log(log.path, tmp_path / "x.txt", "cascade", Asked(features=("shp",)))
    with pytest.raises(UsageError, match="names shop twice"):
        export_log(log.path, tmp_path / "x.txt", "cascade", Asked(features=("shop", "shop")))


def test_mistakes_of_export_leave_nothing(tmp_path):
    log = write_log(tmp_path / "log", 1, {"wide": 4_000_000})
    for form, message in (
        ("cascade", "holds wide"),
        ("trace", "holds wide"),
        ("cvs", "unknown format 'cvs'"),
    ):
        with pytest.raises(UsageError, match=message):
            export_log(log.path, tmp_path / "x.txt", form)
    with pytest.raises(UsageError, match="no raw form"):
        export_log(log.path, tmp_path / "x.txt", "criteo", Asked(raw=True))
    with pytest.raises(UsageError, match="is no log"):
        export_log(tmp_path, tmp_path / "x.txt", "criteo")
    with pytest.raises(UsageError, match="no such log"):
        export_log(tmp_path / "nowhere", tmp_path / "x.txt", "criteo")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
