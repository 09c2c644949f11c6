import numpy as np
import pytest

from simulator.errors import LogError
from simulator.log.reader import Log
from simulator.log.schema import Feature
from simulator.log.writer import LogWriter

from .logs import FEATURES, ORIGIN, small, write


def columns(*time):
    n = len(time)
    return {
        "time": np.array(time, np.int64),
        "user_id": np.arange(n),
        "item_id": np.arange(n),
        "features": np.zeros((n, 1), np.int32),
    }


@pytest.fixture
def writer(tmp_path):
    with LogWriter(tmp_path / "log", name="w", origin=ORIGIN, features=(Feature("a", 2),)) as writer:
        yield writer


def test_an_error_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError), LogWriter(tmp_path / "log", name="w", origin=ORIGIN, features=FEATURES):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_directory_is_kept_unless_replaced(tmp_path):
    before = write(tmp_path / "log", small(1)).meta
    with pytest.raises(LogError, match="exists already"):
        write(tmp_path / "log", small(2))
    assert Log.open(tmp_path / "log").meta == before
    after = write(tmp_path / "log", small(2), replace=True).meta
    assert after.fingerprint != before.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_the_same_content_has_the_same_fingerprint(tmp_path):
    assert (
        write(tmp_path / "a", small(1)).meta.fingerprint == write(tmp_path / "b", small(1)).meta.fingerprint
    )


def test_clicks_must_ascend_across_calls(writer):
    writer.clicks(**columns(1, 2, 2))
    with pytest.raises(LogError, match="out of order"):
        writer.clicks(**columns(1))
    with pytest.raises(LogError, match="out of order"):
        writer.clicks(**columns(5, 4))


def test_features_must_be_inside_their_cardinality(writer):
    wrong = columns(1)
    wrong["features"] = np.array([[2]], np.int32)
    with pytest.raises(LogError, match=r"feature 'a': id 2 is outside \[0, 2\)"):
        writer.clicks(**wrong)
    with pytest.raises(LogError, match="shape"):
        writer.clicks(**columns(1) | {"features": np.zeros((1, 2), np.int32)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": [0, 3]}, "3 clicks were written"),
        ({"kind": [0, 1]}, "kind"),
        ({"amount": [1, np.nan]}, "finite"),
        ({"amount": [1, -1]}, "negative"),
        ({"time": [5, 4]}, "out of order"),
        ({"kind": [2, 1]}, "out of order"),
    ],
)
def test_bad_events_are_refused(writer, change, message):
    writer.clicks(**columns(1, 2, 3))
    good = {"row": [0, 1], "time": [5, 5], "kind": [1, 2], "amount": [0.0, 1.0]}
    kinds = {"row": np.int64, "time": np.int64, "kind": np.uint8, "amount": np.float64}
    with pytest.raises(LogError, match=message):
        writer.events(**{key: np.array(value, kinds[key]) for key, value in (good | change).items()})


def test_a_log_without_clicks_is_not_written(writer):
    with pytest.raises(LogError, match="without clicks"):
        writer.close(0)


def test_truth_must_be_what_was_declared(writer):
    with pytest.raises(LogError, match="truth columns"):
        writer.clicks(**columns(1), truth={"p": np.zeros(1)})
