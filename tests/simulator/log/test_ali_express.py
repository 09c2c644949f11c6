"""AliExpress in the layout of its published script: ids as they are, numbers in bins of the training file alone."""

import numpy as np
import pytest

from simulator.errors import UsageError
from simulator.log.importers import ali_express, import_log
from simulator.log.importers.ali_express import BINS, CATEGORICAL, binned
from simulator.log.importers.shown import UNPAID
from simulator.log.reader import Log
from simulator.units import DAY
from simulator.windows import Windows

from .importing import quarantined
from .logs import gather

NUMBERS = 3
CATEGORIES = [f"categorical_{k + 1}" for k in range(CATEGORICAL)]
HEADER = ",".join(
    ["search_id", *CATEGORIES, *(f"numerical_{k + 1}" for k in range(NUMBERS)), "click", "conversion"]
)


def row(search, ids=(), numbers=(0.0, 0.0, 0.0), click=0, bought=0):
    ids = [*ids, *[0] * (CATEGORICAL - len(ids))]
    return ",".join(map(str, [search, *ids, *numbers, click, bought]))


def imported(folder, train, test=None, **options):
    sources = [folder / "train.csv"]
    sources[0].write_text("\n".join([HEADER, *train]) + "\n")
    if test is not None:
        sources.append(folder / "test.csv")
        sources[1].write_text("\n".join([HEADER, *test]) + "\n")
    import_log("ali-express", sources, folder / "log", **options)
    return Log.open(folder / "log")


def test_ids_stay_and_labels_are_final(tmp_path):
    train = [row(3, [8, 0, 31]), row(3, [8, 2], click=1), row(4, [1], click=1, bought=1)]
    log = imported(tmp_path, train, [row(5, [40], click=1)])
    [(batch, labels)] = log.exposed(Windows())
    assert batch.features[:, :3].tolist() == [[8, 0, 31], [8, 2, 0], [1, 0, 0], [40, 0, 0]]
    assert (labels.clicked.tolist(), labels.converted.tolist()) == (
        [False, True, True, True],
        [False, False, True, False],
    )
    assert batch.time.tolist() == [0, 10**6, 2 * 10**6, DAY]
    assert log.meta.provenance["test_start"] == DAY
    assert [feature.cardinality for feature in log.features[:3]] == [41, 3, 32]
    assert [part["user_id"].tolist() for _, part in log.ids()] == [[3, 4, 5]]


def test_numbers_go_into_bins_of_equal_shares_of_the_training_file(tmp_path):
    rng = np.random.default_rng(1)
    numbers = np.column_stack(
        [rng.random(4000), np.where(rng.random(4000) < 0.8, 0.0, rng.random(4000)), rng.integers(0, 5, 4000)]
    )
    train = [row(1, numbers=line, click=1) for line in numbers.tolist()]
    test = [row(1, numbers=line, click=1) for line in ([-5.0, 2.0, 70.0], [9.0, 0.0, 1.5])]
    log = imported(tmp_path, train, test)
    (matrix,) = gather(log.impressions(), "features")
    first, second, third = matrix[:, CATEGORICAL:].T
    assert [f.kind for f in log.features[CATEGORICAL:]] == ["numeric"] * 3
    shares = np.bincount(first[:4000], minlength=BINS)
    assert len(shares) == BINS == log.features[CATEGORICAL].cardinality
    assert shares.min() > 0.9 * 4000 / BINS
    order = np.argsort(numbers[:, 0])
    assert (np.diff(first[:4000][order]) >= 0).all()
    assert ((second[:4000] == 0) == (numbers[:, 1] == 0)).all()  # what is met often is one bin
    np.testing.assert_array_equal(third[:4000], numbers[:, 2])
    assert matrix[4000:, CATEGORICAL:].tolist() == [[0, second.max(), BINS - 1], [BINS - 1, 0, 1]]


def test_bins_are_found_by_halving():
    import duckdb

    edges = [-1.5, 0.0, 0.1, 2.0, 1e300]
    values = np.array([-2, -1.5, -1, 0, 1e-9, 0.1, 0.2, 2.0, 3, 1e301])
    found = duckdb.sql(
        f"SELECT {binned('x', edges)} AS bin FROM (SELECT unnest({values.tolist()}) AS x)"
    ).fetchnumpy()["bin"]
    np.testing.assert_array_equal(found, np.searchsorted(edges, values))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(1, click=0, bought=1), UNPAID),
        (row(1, [-1]), "a categorical column is no id"),
        (row(1, ["x"]), "a categorical column is no id"),
        (row(1, numbers=("nan", 0, 0)), "a numerical column is no finite number"),
        (row(1, numbers=("", 0, 0)), "a numerical column is no finite number"),
        (row(1, click=3), "click is not 0 or 1"),
        (row("a"), "search_id is no whole number"),
        (row(1) + ",0", "line cannot be read"),
        (row(1)[:-2] + "," + "7" * 10_000_000, "line cannot be read"),
    ],
    ids=range(9),
)
def test_a_row_that_is_not_whole_is_put_aside(tmp_path, bad, reason):
    log = imported(tmp_path, [row(1, click=1), bad, row(2)])
    [(found, texts)] = quarantined(log).items()
    assert found.startswith(reason)
    assert len(texts) == 1
    assert log.meta.impressions == 2


def test_another_first_line_is_refused(tmp_path):
    (tmp_path / "train.csv").write_text("a,b,click,conversion\n1,2,0,0\n")
    with pytest.raises(UsageError, match="expected the search, 16 categorical columns"):
        import_log("ali-express", tmp_path / "train.csv", tmp_path / "log")
    (tmp_path / "good.csv").write_text(f"{HEADER}\n{row(1)}\n")
    (tmp_path / "test.csv").write_text(HEADER.replace("categorical_2", "other") + f"\n{row(1)}\n")
    with pytest.raises(UsageError, match=r"test\.csv: its first line is"):
        import_log("ali-express", [tmp_path / "good.csv", tmp_path / "test.csv"], tmp_path / "log")
    with pytest.raises(UsageError, match="takes a training and a test file, or a directory"):
        import_log("ali-express", [tmp_path / "good.csv"] * 3, tmp_path / "log")


def test_a_directory_of_the_published_names_is_enough(tmp_path):
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text(f"{HEADER}\n{row(1, click=1)}\n")
    meta = import_log("ali-express", tmp_path, tmp_path / "log")
    assert (meta.impressions, meta.provenance["test_rows"]) == (2, 1)
    assert ali_express.IMPORTER.names == ("train.csv", "test.csv")
