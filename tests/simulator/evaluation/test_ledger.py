"""The ledger against the same numbers computed directly on whole arrays."""

import math
import threading

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from simulator.calendar import PHASES, Calendar, Promotion
from simulator.evaluation.cells import Grid
from simulator.evaluation.results import METRICS_SCHEMA, Results
from simulator.units import DAY, HOUR
from tests.simulator.evaluation.stream import (
    CALENDAR,
    METHODS,
    SEGMENT,
    START,
    cut,
    feed,
    make_stream,
    new_ledger,
)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 400), st.integers(0, 1000), st.integers(0, 10_000))
def test_chunking_and_lagging_change_nothing(n, seed, first_row):
    stream = make_stream(n, seed)
    random = np.random.default_rng(seed + 1)
    settled = int(random.integers(0, n + 1))
    pieces, whole = new_ledger(), new_ledger()
    early = feed(pieces, stream, random, settled=settled, first_row=first_row)
    whole.serve(0, np.arange(n) + 100, stream.time)
    for method, tasks in stream.predictions.items():
        whole.predict(method, 0, tasks)
    whole.finalise(0, cut(stream.labels, 0, settled), {k: v[:settled] for k, v in stream.truth.items()})
    left, right = pieces.finish(), whole.finish()
    assert left.metrics.equals(right.metrics)
    assert left.immature == right.immature == n - settled
    assert left.rows == settled
    assert list(left.cells[: len(early)]) == early


def test_cells_equal_direct_computation():
    n = 6000
    stream = make_stream(n, 3)
    ledger = new_ledger()
    feed(ledger, stream, np.random.default_rng(0), settled=n)
    results = ledger.finish()
    segment, phase = (stream.time - START) // SEGMENT, CALENDAR.phase(stream.time)
    assert sum(cell.rows for cell in results.cells) == n
    for cell in results.cells:
        chosen = (segment == cell.segment) & (phase == PHASES.index(cell.phase))
        assert cell.rows == chosen.sum()
        assert cell.start <= stream.time[chosen].min()
        assert stream.time[chosen].max() < cell.end
        assert cell.mature_at == stream.time[chosen].max() + 3 * DAY
        paid = chosen & stream.labels.converted
        for task, kept, label, truth in (
            ("cvr", chosen, stream.labels.converted, stream.truth["p_pay"]),
            (
                "netcvr",
                chosen,
                stream.labels.converted & ~stream.labels.refunded,
                0.75 * stream.truth["p_pay"],
            ),
            ("rfr", paid, stream.labels.refunded, stream.truth["p_refund"]),
        ):
            found, served = cell.statistics["both", task], stream.predictions["both"][task][kept]
            assert (found.rows, found.positives) == (kept.sum(), label[kept].sum())
            assert found.values["auc"] == pytest.approx(roc_auc_score(label[kept], served))
            nll = log_loss(label[kept], served, labels=[0, 1])
            assert found.values["nll"] == pytest.approx(nll)
            assert found.values["regret_nll"] == pytest.approx(
                nll - log_loss(label[kept], truth[kept], labels=[0, 1])
            )
            assert found.values["pcoc"] == pytest.approx(served.mean() / label[kept].mean())
        gmv, amount = stream.labels.gmv[paid], stream.predictions["online-single"]["gmv"][paid]
        found = cell.statistics["online-single", "gmv"]
        assert found.values["alpr"] == pytest.approx(np.abs(np.log2(amount / gmv)).mean())
        assert found.values["acc"] == pytest.approx((np.abs(amount / gmv - 1) <= 0.2).mean())
        mean = (stream.truth["expected_gmv"] / stream.truth["p_pay"])[paid]
        gap = (gmv / amount + np.log(amount) - gmv / mean - np.log(mean)).mean()
        assert found.values["regret_gamma"] == pytest.approx(gap)


def test_without_truth_regret_is_undefined_and_null():
    stream = make_stream(300, 1)
    ledger = new_ledger()
    feed(ledger, stream, np.random.default_rng(0), settled=300, truth=False)
    table = ledger.finish().metrics
    assert table.schema == METRICS_SCHEMA
    regret = table.filter(pc.equal(table["metric"], "regret_nll"))
    assert regret["value"].null_count == len(regret) > 0


def test_predictions_file_holds_every_judged_click(tmp_path):
    stream = make_stream(2000, 5)
    ledger = new_ledger(tmp_path / "predictions.parquet")
    feed(ledger, stream, np.random.default_rng(2), settled=1700)
    ledger.finish()
    assert [p.name for p in tmp_path.iterdir()] == ["predictions.parquet"]
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert table["click_id"].to_pylist() == list(range(100, 1800))
    assert np.array_equal(table["time"].to_numpy(), stream.time[:1700])
    assert np.array_equal(table["both.gmv"].to_numpy(), stream.predictions["both"]["gmv"][:1700])
    assert np.array_equal(table["p_pay"].to_numpy(), stream.truth["p_pay"][:1700])
    assert table["first_pay"].null_count == (~stream.labels.converted[:1700]).sum()
    assert table["phase"].to_pylist() == [PHASES[c] for c in CALENDAR.phase(stream.time[:1700])]


def test_labels_of_clicks_before_the_stream_are_passed_over():
    stream = make_stream(200, 7)
    ledger = new_ledger()
    assert ledger.finalise(0, cut(stream.labels, 0, 50)) == []
    ledger.serve(100, np.arange(100, 200), stream.time[100:])
    for method, tasks in stream.predictions.items():
        ledger.predict(method, 100, {task: values[100:] for task, values in tasks.items()})
    ledger.finalise(50, cut(stream.labels, 50, 80), {k: v[50:80] for k, v in stream.truth.items()})
    ledger.finalise(80, cut(stream.labels, 80, 200), {k: v[80:] for k, v in stream.truth.items()})
    results = ledger.finish()
    assert (results.rows, results.immature) == (100, 0)
    assert (
        sum(c.statistics["both", "cvr"].positives for c in results.cells)
        == stream.labels.converted[100:].sum()
    )


def test_threads_may_predict_at_once():
    stream = make_stream(3000, 8)
    ledger = new_ledger()
    ledger.serve(0, np.arange(3000), stream.time)

    def work(method):
        for start in range(0, 3000, 37):
            ledger.predict(
                method, start, {t: v[start : start + 37] for t, v in stream.predictions[method].items()}
            )

    threads = [threading.Thread(target=work, args=(method,)) for method in METHODS]
    for thread in threads:
        thread.start()
    for start in range(0, 3000, 100):
        ledger.finalise(
            start,
            cut(stream.labels, start, start + 100),
            {k: v[start : start + 100] for k, v in stream.truth.items()},
        )
    for thread in threads:
        thread.join()
    assert ledger.finish().rows == 3000


def test_memory_is_given_back_as_cells_complete():
    stream = make_stream(2000, 9)
    ledger = new_ledger()
    ledger.serve(0, np.arange(2000), stream.time)
    for method, tasks in stream.predictions.items():
        ledger.predict(method, 0, tasks)
    cells = ledger.finalise(0, cut(stream.labels, 0, 1900), {k: v[:1900] for k, v in stream.truth.items()})
    assert ledger._clicks.start == ledger._labels.start == sum(cell.rows for cell in cells)
    assert 1900 - ledger._clicks.start < 200


def test_misuse_is_an_error():
    stream = make_stream(10, 1)
    ledger = new_ledger()
    with pytest.raises(ValueError, match="before the stream starts"):
        ledger.serve(0, np.arange(1), np.array([0]))
    ledger.serve(0, np.arange(5), stream.time[:5])
    with pytest.raises(ValueError, match="consecutive"):
        ledger.serve(6, np.arange(4), stream.time[6:])
    with pytest.raises(ValueError, match="Did you mean 'es-dfm'"):
        ledger.predict("es-dfn", 0, {})
    with pytest.raises(ValueError, match="its tasks are"):
        ledger.predict("es-dfm", 0, {"gmv": np.ones(5)})


def test_grid_cuts_segments_where_the_phase_changes():
    calendar = Calendar.of([Promotion("sale", 10 * HOUR, 13 * HOUR, 5 * HOUR)])
    grid = Grid(0, 4 * HOUR, calendar)
    time = np.arange(0, 20) * HOUR
    keys = list(dict.fromkeys(zip(*(column.tolist() for column in grid.locate(time)), strict=True)))
    found = [grid.cell(*key) for key in keys]
    assert [(c.start // HOUR, c.end // HOUR, c.phase, c.after_switch) for c in found] == [
        (0, 4, "before", False),
        (4, 5, "before", False),
        (5, 8, "anticipation", True),
        (8, 10, "anticipation", False),
        (10, 12, "promotion", True),
        (12, 13, "promotion", False),
        (13, 16, "after", True),
        (16, 20, "after", False),
    ]


def test_one_class_cell_has_no_auc():
    stream = make_stream(30, 2)
    stream.labels.converted[:] = False
    ledger = new_ledger()
    feed(ledger, stream, np.random.default_rng(0), settled=30)
    results = ledger.finish()
    assert all(math.isnan(c.statistics["es-dfm", "cvr"].values["auc"]) for c in results.cells)
    assert results.overall()["both"]["gmv"].rows == 0


def test_who_peeks_does_not_compete():
    results = Results({"a": ("cvr",), "b": ("cvr", "gmv")}, [], peeking=("b",))
    assert results.references("cvr") == results.references("gmv") == {"b"}
    assert Results({"a": ("cvr",)}, [], peeking=("gone",)).references("cvr") == set()
