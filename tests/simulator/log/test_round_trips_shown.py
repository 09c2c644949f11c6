"""What was shown goes out in the layouts of Ali-CCP and AliExpress, and comes back with equal rows."""

import numpy as np
import pytest

from simulator.errors import UsageError
from simulator.log.exporters import Asked, export_log
from simulator.log.importers import import_log
from simulator.log.importers.ali_ccp import FIELDS, KEPT, SETS
from simulator.log.reader import Log
from simulator.log.schema import Feature
from simulator.log.writer import LogWriter
from simulator.units import DAY, SECOND
from simulator.windows import Windows

from .logs import ORIGIN, small, write
from .test_impressions import impressions_of

WINDOWS = Windows()


def world(path, seed, features):
    """Write a log of random journeys and impressions with these features; return it, opened."""
    rng = np.random.default_rng(seed)
    log = small(seed, 150)
    shown = impressions_of(log, rng)

    def matrix(rows):
        columns = []
        for feature in features:
            ids = rng.integers(0, feature.cardinality, (rows, feature.width))
            if feature.tags:
                ids = np.where(
                    np.arange(feature.width) < rng.integers(0, feature.width + 1, (rows, 1)), ids, -1
                )
            columns.append(ids)
        return np.concatenate(columns, axis=1).astype(np.int32)

    with LogWriter(path, name="random", origin=ORIGIN, features=features) as writer:
        ids, rows = np.arange(150), np.arange(len(shown))
        writer.clicks(time=log.click_time, user_id=ids, item_id=ids, features=matrix(150))
        event = log.event
        writer.events(row=event.row, time=event.time, kind=event.kind, amount=event.amount)
        writer.impressions(
            time=shown.time,
            user_id=rows % 9,
            item_id=rows % 5,
            features=matrix(len(rows)),
            click_row=shown.click_row,
            click_time=shown.click_time,
            coin=shown.coin,
            paid=shown.paid,
        )
        writer.close(30 * DAY)
    return Log.open(path)


def rows_of(log):
    """Clicked, converted, and the features of all ordinary impressions."""
    parts = list(log.exposed(WINDOWS))
    labels = [np.concatenate([getattr(part, name) for _, part in parts]) for name in ("clicked", "converted")]
    return (*labels, np.concatenate([batch.features for batch, _ in parts]))


SHAPES = {
    "few": [Feature("user", 40), Feature("page", 7), Feature("item", 30)],
    "as many": [Feature(name, 9) for name in FIELDS],
    "many": [Feature(f"f{k}", 5) for k in range(22)],
    "sets": [
        Feature("user", 40),
        Feature("words", 9, 3, "tags"),
        Feature("page", 4),
        Feature("shops", 5, 2, "tags"),
    ],
    "numeric": [Feature("user", 40), Feature("price", 30, kind="numeric"), Feature("page", 4)],
}


def terms(said):
    for term in said.split(" + "):
        weight, _, name = term.rpartition(" * ")
        yield int(weight or 1), name


@pytest.mark.parametrize(("form", "shape"), [
    *(("ali-ccp", shape) for shape in SHAPES), *(("ali-express", shape) for shape in SHAPES if shape != "sets"),
])  # fmt: skip
def test_rows_come_back(tmp_path, form, shape):
    features = SHAPES[shape]
    log = world(tmp_path / "log", 3, features)
    middle = 4 * DAY
    exported = export_log(tmp_path / "log", tmp_path / "files", form, Asked(test_start=middle))
    kept = {"min_count": 0, "fields": "23"} if form == "ali-ccp" else {}
    meta = import_log(form, exported.path, tmp_path / "back", **kept)
    back = Log.open(tmp_path / "back")
    assert meta.quarantined == 0
    before = sum(len(batch) for batch in log.impressions(end=middle, features=False))
    assert (meta.provenance["train_rows"], meta.impressions) == (
        before,
        log.meta.impressions - log.meta.randomised,
    )
    assert exported.left_out["impressions of the randomised slice"] == log.meta.randomised
    clicked, converted, matrix = rows_of(log)
    clicked_back, converted_back, matrix_back = rows_of(back)
    np.testing.assert_array_equal(clicked_back, clicked)
    np.testing.assert_array_equal(converted_back, converted)
    assert clicked.any()
    assert converted.any()
    held = {column: matrix[:, k] for k, column in enumerate(c for f in features for c in f.columns)}
    read = {column: matrix_back[:, k] for k, column in enumerate(c for f in back.features for c in f.columns)}
    sent = set()
    for column, said in exported.placed.items():
        for feature in features:
            if feature.tags and said == feature.name:
                for k in range(KEPT):
                    expected = held[f"{said}.{k}"] if k < feature.width else np.full(len(clicked), -1)
                    np.testing.assert_array_equal(read[f"{column}.{k}"], expected)
                sent.add(said)
        if column not in SETS:
            value = sum(weight * held[name].astype(np.int64) for weight, name in terms(said))
            np.testing.assert_array_equal(read[column], value)
            sent |= {name for _, name in terms(said)}
    assert sent == {feature.name for feature in features}
    # What was imported says itself where its test file begins, and goes out as the same bytes.
    again = export_log(tmp_path / "back", tmp_path / "again", form)
    for file in exported.path.iterdir():
        assert (again.path / file.name).read_bytes() == file.read_bytes(), file.name
    time = np.concatenate([batch.time for batch in back.impressions(features=False)])
    np.testing.assert_array_equal(time[:before], np.arange(before) * SECOND)


def test_what_does_not_fit_is_refused(tmp_path):
    write(tmp_path / "clicks", small(1))
    with pytest.raises(UsageError, match="does not say what was shown"):
        export_log(tmp_path / "clicks", tmp_path / "files", "ali-ccp")
    log = world(tmp_path / "log", 1, SHAPES["sets"])
    with pytest.raises(UsageError, match="holds several tags"):
        export_log(log.path, tmp_path / "files", "ali-express")
    with pytest.raises(UsageError, match="has no test part; leave --test-start out"):
        export_log(log.path, tmp_path / "f.txt", "criteo", Asked(features=("user",), test_start=DAY))
    exported = export_log(log.path, tmp_path / "files", "ali-ccp", Asked(test_start=DAY))
    assert len(list(exported.path.iterdir())) == 4
    assert export_log(log.path, tmp_path / "files", "ali-ccp", replace=True).rows <= exported.rows
    assert len(list(exported.path.iterdir())) == 2
    (exported.path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match=r"holds 'mine\.txt', which is no file of ali-ccp"):
        export_log(log.path, tmp_path / "files", "ali-ccp", replace=True)
    many = [Feature(f"t{k}", 3, 2, "tags") for k in range(6)]
    world(tmp_path / "tags", 1, many)
    with pytest.raises(UsageError, match="has 5 fields for several ids, and the log has 6"):
        export_log(tmp_path / "tags", tmp_path / "other", "ali-ccp")
    assert not (tmp_path / "other").exists()
