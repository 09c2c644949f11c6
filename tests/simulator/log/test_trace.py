"""TRACE: pays in lists, features by position, mapping files; lists are matched, never evaluated."""

import pickle

import pytest

from simulator.errors import UsageError
from simulator.log.importers import import_log
from simulator.log.importers.trace import FEATURES, NAMED, SIZES
from simulator.units import DAY, SECOND

from .importing import clicks, events, imported

HEADER = "\t".join([*NAMED, *FEATURES])
DAY_S = DAY // SECOND


def row(click, pays, amounts, features=("1",) * 22, **other):
    n = len(pays)
    cells = {
        "click_time": click, "pay_time": pays, "dirpay_amt": amounts, "count": list(range(1, n + 1)), "total_counts": n,
        "multi_tag": int(n > 1), "prev_dirpay_amt": [0.0, *amounts[:-1]], "prev_pay_time": [0, *pays[:-1]],
    }  # fmt: skip
    return "\t".join(map(str, [*(cells | other).values(), *features]))


def test_pays_and_amounts(tmp_path):
    lines = [HEADER, row(5, [9, 9, 20], [1.5, 2.25, 1e-7]), row(0, [7 * DAY_S, 7 * DAY_S + 1], [3.0, 4.0])]
    log = imported(tmp_path, "trace", lines)
    assert [time for time, _ in clicks(log)] == [0, 5 * SECOND]
    assert [(r, k, t // SECOND, a) for r, k, t, a in events(log)] == [
        (1, "pay", 9, 1.5), (1, "pay", 9, 2.25), (1, "pay", 20, 1e-7), (0, "pay", 7 * DAY_S, 3.0)
    ]  # fmt: skip
    assert log.meta.provenance["skipped"] == {"pays more than 7d after their click": 1}
    assert [feature.cardinality for feature in log.features] == list(SIZES)
    assert log.meta.observed_until == (7 * DAY_S + 5) * SECOND


def test_features_go_by_position_and_missing_ones_are_zero(tmp_path):
    names = [f"x{k}" for k in range(22)]
    order = [*names[:11], *NAMED, *names[11:]]
    values = ["" if k in (3, 15) else "nan" if k == 4 else "1.0" if k == 5 else "1" for k in range(22)]
    cells = dict(zip([*NAMED, *names], row(1, [2], [1.0], values).split("\t"), strict=True))
    log = imported(tmp_path, "trace", ["\t".join(order), "\t".join(cells[name] for name in order)])
    assert list(clicks(log)[0][1].values()) == [0 if k in (3, 4, 15) else 1 for k in range(22)]


HOSTILE = {
    "pay_time is no list of numbers": [
        {"pay_time": "[1,2"}, {"pay_time": "__import__('os').system('touch canary')"}, {"pay_time": "nan"},
        {"pay_time": "[2, nan]"}, {"pay_time": "5"}, {"pay_time": "[2.5]"}, {"pay_time": ""}, {"pay_time": "[[2]]"},
    ],
    "dirpay_amt is no list of numbers": [
        {"dirpay_amt": "[nan]"}, {"dirpay_amt": "[inf]"}, {"dirpay_amt": "[1.0, 'a']"}, {"dirpay_amt": "[1.0; 2]"},
        {"dirpay_amt": "[True]"}, {"dirpay_amt": "(1.0,)"},
    ],
    "count is no list of numbers": [{"count": "[None]"}],
    "prev_pay_time is no list of numbers": [{"prev_pay_time": "[x]"}],
    "a list has more than 1000 entries": [{"pay_time": str([2] * 10_000)}, {"prev_dirpay_amt": str([0] * 1002)}],
    "no pay: every click of TRACE has one": [{"pay_time": "[]"}],
    "the lists differ in length": [{"dirpay_amt": "[1.0, 2.0]"}, {"prev_pay_time": "[]"}],
    "total_counts is not the length": [{"total_counts": "2"}, {"total_counts": ""}],
    "click time is no number": [{"click_time": "noon"}, {"click_time": ""}],
    "holds a NUL byte": [{"pay_time": "[2\0]"}],
}  # fmt: skip


def test_hostile_lists_are_rejected_with_a_reason(tmp_path):
    rows = [row(1, [2], [1.0], **cells) for cases in HOSTILE.values() for cells in cases]
    good = [
        row(1, [2], [1.0], prev_dirpay_amt="[nan]", prev_pay_time="[None]"),
        row(1, [2], [1.0], count="[ 1 , ]"),
    ]
    log = imported(
        tmp_path, "trace", [HEADER, *good, *rows, row(1, [2], [1.0], pay_time="[" + "2" * 10_000_000)]
    )
    assert log.meta.clicks == log.meta.events == 2
    expected = {reason: len(cases) for reason, cases in HOSTILE.items()}
    assert log.meta.reasons == expected | {"line cannot be read: line size over maximum": 1}
    assert log.meta.provenance["source_rows"] == len(rows) + 3
    assert log.meta.read == log.meta.clicks + log.meta.events + log.meta.quarantined


def test_bad_amounts_times_and_ids(tmp_path):
    lines = [
        HEADER,
        row(5, [9], [1.0]),
        row(5, [9], [-1.0]),
        row(5, [4], [1.0]),
        row(5, [9], [1.0], ("5",) + ("1",) * 21),
    ]
    log = imported(tmp_path, "trace", lines)
    assert log.meta.reasons == {
        "amount not finite, or negative": 1,
        "event before its click": 1,
        "feature id outside its cardinality": 1,
        "its click is in quarantine": 1,
    }


def test_a_mapping(tmp_path):
    mapping = {name: {f"h{k}": 1, k: 0} for k, name in enumerate(FEATURES)}
    path = tmp_path / "feature_mapping.pkl"
    path.write_bytes(pickle.dumps(mapping))
    values = [f"h{k}" if k % 2 else "unknown" for k in range(22)]
    lines = [HEADER, row(1, [2], [1.0], values)]
    log = imported(tmp_path, "trace", lines, mapping=path)
    assert list(clicks(log)[0][1].values()) == [k % 2 for k in range(22)]
    with pytest.raises(Exception, match="the encrypted file needs --mapping"):
        import_log("trace", tmp_path / "source.csv", tmp_path / "log2")
    path.write_bytes(pickle.dumps({"feature_22": {}}))
    with pytest.raises(UsageError, match=r"maps 'feature_22', which is no feature.*Did you mean"):
        import_log("trace", tmp_path / "source.csv", tmp_path / "log2", mapping=path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER.replace("pay_time", "paytime", 1), "has no column 'pay_time'. Did you mean 'paytime'"),
        (HEADER.rpartition("\t")[0], "names 21 columns besides"),
        (HEADER + "\tfeature_0", "names 23 columns"),
        (HEADER.replace("feature_3", "line"), "cannot be named 'line'"),
        (HEADER.replace("feature_3", "File"), "cannot be named 'file'"),
        (HEADER.replace("\t", ","), "is no TRACE file"),
    ],
)
def test_headers(tmp_path, header, message):
    (tmp_path / "t.txt").write_text(f"{header}\n{row(1, [2], [1.0])}\n")
    with pytest.raises(UsageError, match=message):
        import_log("trace", tmp_path / "t.txt", tmp_path / "log")
    assert [path.name for path in tmp_path.iterdir()] == ["t.txt"]
