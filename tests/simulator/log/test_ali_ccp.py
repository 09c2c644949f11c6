"""Ali-CCP in its original layout: read, joined, folded and put in order; files that are not whole say where."""

import random

import numpy as np
import pytest

from simulator.errors import LogError, UsageError
from simulator.log.importers import ali_ccp, import_log
from simulator.log.reader import Log
from simulator.log.schema import column_names
from simulator.units import DAY, SECOND
from simulator.windows import Windows

from .importing import quarantined
from .logs import gather


def listed(*features):
    """Write a feature list: (field, id) or (field, id, weight)."""
    parts = [(*feature, "1.0")[:3] for feature in features]
    return "\x01".join(f"{field}\x02{value}\x03{weight}" for field, value, weight in parts)


def skeleton(number, click, buy, common, *features):
    return f"{number},{click},{buy},{common},{len(features)},{listed(*features)}"


def shared(index, *features):
    return f"{index},{len(features)},{listed(*features)}"


COMMON = [
    shared(
        "aa",
        ("101", "900"),
        ("121", "7"),
        ("109_14", "31"),
        ("109_14", "32", "2.5"),
        ("109_14", "33"),
        ("109_14", "34"),
    ),
    shared("bb", ("101", "901"), ("121", "8"), ("205", "common wins")),
]
ROWS = [
    skeleton(1, 0, 0, "aa", ("205", "11"), ("301", "1")),
    skeleton(2, 1, 0, "aa", ("205", "11"), ("205", "12"), ("301", "2")),
    skeleton(3, 1, 1, "bb", ("205", "11"), ("301", "1"), ("210", "5")),
    skeleton(4, 0, 0, "bb"),
]


def imported(folder, rows=ROWS, common=COMMON, test=None, test_common=None, **options):
    sources, commons = [folder / "train.csv"], [folder / "common.csv"]
    sources[0].write_text("".join(row + "\n" for row in rows))
    commons[0].write_text("".join(row + "\n" for row in common))
    if test is not None:
        sources.append(folder / "test.csv")
        sources[1].write_text("".join(row + "\n" for row in test))
    if test_common is not None:
        commons.append(folder / "common_test.csv")
        commons[1].write_text("".join(row + "\n" for row in test_common))
    import_log("ali-ccp", sources, folder / "log", common=commons, **({"min_count": 1} | options))
    return Log.open(folder / "log")


def table(log, **options):
    """(time in s, clicked, converted, features by column) of all impressions, by the labels of the log."""
    found = []
    names = column_names(log.features)
    for batch, labels in log.exposed(Windows(**options)):
        rows = [dict(zip(names, row, strict=True)) for row in batch.features.tolist()]
        found += zip(
            (batch.time // SECOND).tolist(),
            labels.clicked.tolist(),
            labels.converted.tolist(),
            rows,
            strict=True,
        )
    return found


def test_rows_are_joined_numbered_and_put_in_their_order(tmp_path):
    log = imported(tmp_path)
    rows = table(log)
    assert [row[:3] for row in rows] == [
        (0, False, False),
        (1, True, False),
        (2, True, True),
        (3, False, False),
    ]
    by = {name: [row[3][name] for row in rows] for name in ("101", "121", "205", "301", "853")}
    # 900 and 901 are seen twice each; of item 11 there is one count, since a field keeps its last id and common ones win.
    assert by == {
        "101": [1, 1, 2, 2],
        "121": [1, 1, 2, 2],
        "205": [0, 0, 1, 1],
        "301": [1, 0, 1, 0],
        "853": [0, 0, 0, 0],
    }
    user, item = (np.concatenate([part[name] for _, part in log.ids()]) for name in ("user_id", "item_id"))
    assert (user.tolist(), item.tolist()) == ([900, 901], [12, 0])
    assert (log.meta.impressions, log.meta.clicks, log.meta.events) == (4, 2, 1)
    assert log.meta.provenance["train_rows"] == 4
    assert "test_start" not in log.meta.provenance


def test_all_fields_have_sets_of_the_first_three_ids(tmp_path):
    log = imported(
        tmp_path, fields="23", min_count=0, rows=[*ROWS[:2], ROWS[3]], common=[COMMON[0], shared("bb")]
    )
    assert [f.name for f in log.features][-5:] == list(ali_ccp.SETS)
    rows = [row[3] for row in table(log)]
    assert [[row[f"109_14.{k}"] for k in range(3)] for row in rows] == [
        [31, 32, 33],
        [31, 32, 33],
        [-1, -1, -1],
    ]
    assert [row["205"] for row in rows] == [11, 12, 0]
    assert any("field 109_14 has more than 3 ids in 2 impressions" in note for note in log.meta.notes)


@pytest.mark.parametrize(("times", "known"), [(10, False), (11, True)])
def test_values_seen_ten_times_are_rare_as_published(tmp_path, times, known):
    rows = [skeleton(k, 1, 0, "aa", ("205", "77")) for k in range(times)]
    log = imported(tmp_path, rows, min_count=None)
    assert {row[3]["205"] for row in table(log)} == {int(known)}
    assert log.features[9].cardinality == 1 + known


def test_the_test_file_begins_at_a_midnight_and_teaches_no_id(tmp_path):
    test = [skeleton(1, 1, 1, "aa", ("205", "11"), ("301", "9")), skeleton(2, 0, 0, "aa", ("301", "9"))]
    log = imported(tmp_path, test=test, test_common=[shared("aa", ("101", "900"))])
    rows = table(log)
    assert [row[0] for row in rows[4:]] == [86_400, 86_401]
    assert [row[3]["301"] for row in rows[4:]] == [0, 0]
    assert [row[3]["121"] for row in rows[4:]] == [0, 0]  # the test file has common features of its own
    assert rows[4][3]["101"] == 1
    said = log.meta.provenance
    assert (said["train_rows"], said["test_rows"], said["test_start"]) == (4, 2, DAY)
    assert any("the test file begins at 1d" in note for note in log.meta.notes)


def test_a_directory_of_the_published_names_is_enough(tmp_path):
    for name, rows in (("sample_skeleton_train", ROWS), ("common_features_train", COMMON)):
        (tmp_path / f"{name}.csv").write_text("".join(row + "\n" for row in rows))
    assert import_log("ali-ccp", tmp_path, tmp_path / "log").impressions == 4
    with pytest.raises(UsageError, match=r"is a directory without sample_skeleton_train\.csv"):
        import_log("ali-ccp", tmp_path / "log", tmp_path / "other")


BROKEN = listed(("205", "11"), ("301", "1")).replace("\x03", "", 1)
NO_FORM = "feature_list is not of the form"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"9,1,0,aa,2,{BROKEN}", NO_FORM),
        (f"9,1,0,aa,2,{listed(('205', '11'), ('301', '1')).replace(chr(1), '')}", NO_FORM),
        (f"9,1,0,aa,2,{listed(('205', '11'), ('301', '1')).replace(chr(2), '', 1)}", NO_FORM),
        (f"9,1,0,aa,3,{listed(('205', '11'), ('301', '1'))}", "feature_num is not the number of features"),
        (skeleton(9, 1, 0, "zz", ("205", "11")), ali_ccp.NOWHERE),
        (skeleton(9, 0, 1, "aa", ("205", "11")), ali_ccp.UNPAID),
        (skeleton(9, 2, 0, "aa", ("205", "11")), "click is not 0 or 1"),
        (skeleton(9, 1, "", "aa", ("205", "11")), "buy is not 0 or 1"),
        ("9,1,0", "line cannot be read"),
    ],
    ids=range(9),
)
def test_a_row_that_is_not_whole_is_put_aside(tmp_path, row, reason):
    log = imported(tmp_path, [*ROWS, row])
    [(found, texts)] = quarantined(log).items()
    assert found.startswith(reason)
    assert len(texts) == 1
    assert log.meta.impressions == 4


@pytest.mark.parametrize("place", ["skeleton", "common"])
def test_a_line_of_ten_megabytes_is_put_aside(tmp_path, place):
    blob = listed(*(("205", str(k)) for k in range(800_000)))
    assert len(blob) > 10_000_000
    if place == "skeleton":
        log = imported(tmp_path, [*ROWS, f"9,1,0,aa,800000,{blob}"])
    else:
        log = imported(tmp_path, [*ROWS, skeleton(9, 1, 0, "cc")], [*COMMON, f"cc,800000,{blob}"])
    assert log.meta.impressions == 4
    found = quarantined(log)
    assert any("line" in reason and "size" in reason for reason in found), sorted(found)
    assert (ali_ccp.NOWHERE in found) == (place == "common")


def test_a_common_row_that_cannot_be_read_is_put_aside_and_its_impressions_too(tmp_path):
    log = imported(tmp_path, common=[COMMON[0], f"bb,2,{BROKEN}", COMMON[0]])
    found = {reason: len(texts) for reason, texts in quarantined(log).items()}
    assert sorted(found.values()) == [1, 1, 2]
    assert found[ali_ccp.NOWHERE] == 2
    assert found[ali_ccp.AGAIN] == 1


def test_options_that_do_not_fit_are_refused(tmp_path):
    (tmp_path / "s.csv").write_text("".join(row + "\n" for row in ROWS))
    with pytest.raises(UsageError, match="needs --common FILE"):
        import_log("ali-ccp", tmp_path / "s.csv", tmp_path / "log")
    with pytest.raises(UsageError, match="field 205 has 'common wins', which is no whole number"):
        imported(tmp_path, min_count=0)
    with pytest.raises(UsageError, match="3 files of common features for 1 skeletons"):
        import_log("ali-ccp", tmp_path / "train.csv", tmp_path / "log", common=[tmp_path / "common.csv"] * 3)
    with pytest.raises(UsageError, match=r"takes no --min-count \(those that do: ali-ccp\)"):
        import_log("criteo", tmp_path / "train.csv", tmp_path / "log", min_count=3)
    with pytest.raises(UsageError, match="has no file of common features"):
        import_log("criteo", tmp_path / "train.csv", tmp_path / "log", common=[tmp_path / "common.csv"])
    with pytest.raises(UsageError, match="allowed: 0"):
        imported(tmp_path, min_count=-1)


def test_equals_a_slow_reader(tmp_path):
    """The rule by rule reading of many random rows, ids numbered by how they sort."""
    rng = random.Random(5)
    common, rows = {}, []
    for k in range(40):
        common[f"c{k}"] = [
            (f, str(rng.randrange(9))) for f in rng.choices(ali_ccp.FIELDS[:9], k=rng.randrange(6))
        ]
    for k in range(600):
        features = [(f, str(rng.randrange(12))) for f in rng.choices(ali_ccp.FIELDS[9:], k=rng.randrange(8))]
        click = rng.random() < 0.3
        rows.append((k, int(click), int(click and rng.random() < 0.3), f"c{rng.randrange(40)}", features))
    log = imported(
        tmp_path,
        [skeleton(*row[:4], *row[4]) for row in rows],
        [shared(index, *features) for index, features in common.items()],
        min_count=5,
    )
    read = [dict(row[4]) | dict(common[row[3]]) for row in rows]
    counts = {}
    for row in read:
        for item in row.items():
            counts[item] = counts.get(item, 0) + 1
    number = {
        field: {
            v: k
            for k, v in enumerate(
                sorted((v for f, v in counts if f == field and counts[f, v] > 5), key=lambda v: (len(v), v)),
                1,
            )
        }
        for field in ali_ccp.FIELDS
    }
    expected = [[number[f].get(row.get(f), 0) for f in ali_ccp.FIELDS] for row in read]
    (matrix,) = gather(log.impressions(), "features")
    np.testing.assert_array_equal(matrix, expected)
    assert [row[1:3] for row in table(log)] == [(bool(row[1]), bool(row[2])) for row in rows]


def test_nothing_clicked_is_said(tmp_path):
    with pytest.raises((UsageError, LogError), match="no click is left"):
        imported(tmp_path, ROWS[:1])
