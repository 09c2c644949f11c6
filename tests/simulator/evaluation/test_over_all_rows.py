"""What a table shows over all rows is what one computation on all dumped rows gives, however unequal the segments are."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.calendar import PHASES
from simulator.evaluation import metrics
from simulator.evaluation.deciles import Deciles
from simulator.evaluation.intervals import paired_intervals
from simulator.evaluation.ledger import Ledger
from simulator.evaluation.tasks import BY_SEGMENT, TASKS, outcome
from simulator.log.schema import Labels
from simulator.units import DAY, HOUR
from tests.simulator.evaluation.stream import CALENDAR, SEGMENT, START, Stream, feed, random_carts

METHODS = {
    "a": tuple(name for name, task in TASKS.items() if task.population == "clicks" and not task.beside),
    "b": ("gmv", "netgmv", "value", "cvr"),
}


def unequal(n, seed):
    """A stream whose segments hold a few clicks or most of them, with amounts of heavy tails and all kinds of pays."""
    random = np.random.default_rng(seed)
    share = random.dirichlet(np.full(36, 0.2))
    time = START + random.choice(36, n, p=share) * SEGMENT + random.integers(0, SEGMENT, n)
    time.sort()
    level = ((time - START) // SEGMENT) % 7  # segments differ in level, so that means of segments go wrong
    p = 1 / (1 + np.exp(2.5 - 0.4 * level - random.normal(size=n)))
    converted = random.random(n) < p
    again = converted & (random.random(n) < 0.3)
    gmv = np.where(converted, np.exp(random.normal(2 + 0.5 * level, 1.2, n)) * (1 + again), 0.0)
    refunded = converted & (random.random(n) < 0.25)
    labels = Labels(
        converted,
        refunded,
        gmv,
        np.where(refunded, gmv * random.choice([0.5, 1.0], n), 0.0),
        (converted + again.astype(int)).astype(np.int32),
        np.where(converted, time + random.choice([HOUR, 2 * DAY], n), -1),
        np.full(n, -1, np.int64),
        np.where(random_carts(n, seed), time + HOUR, -1),
    )
    served = {}
    for method, tasks in METHODS.items():
        chance = 1 / (1 + np.exp(2 + random.normal(size=n)))
        amount = np.exp(random.normal(3, 0.8, n))
        options = {task: chance if TASKS[task].binary else amount for task in tasks}
        served[method] = options | ({"value": p * amount} if "value" in tasks else {})
    truth = {"p_pay": p, "p_refund": np.full(n, 0.25), "expected_gmv": p * np.exp(3 + 0.5 * level)}
    return Stream(time, labels, truth, served)


def judged(stream, path, seed):
    ledger = Ledger(METHODS, CALENDAR, START, SEGMENT, predictions_path=path, lifetime=3 * DAY)
    feed(ledger, stream, np.random.default_rng(seed), settled=len(stream.time))
    return ledger.finish()


def direct(stream, dumped, method, task, chosen):
    truth = {name: values[chosen] for name, values in stream.truth.items()}
    wanted = outcome(task, stream.labels[chosen], truth, stream.time[chosen], calendar=CALENDAR)
    served = dumped[f"{method}.{task}"].to_numpy()[chosen]
    return TASKS[task].measure(served[wanted.kept], wanted)


def assert_equal(found, wanted):
    for metric, value in wanted.items():
        if metric in ("decile_error", "ece", "ece_truth"):
            # Borders are known to a thousandth of the prediction: few rows are shared out.
            if found.rows > 1000:
                assert found.values[metric] == pytest.approx(value, rel=0.02, abs=0.01, nan_ok=True), metric
        elif metric not in BY_SEGMENT:
            assert found.values[metric] == pytest.approx(value, rel=1e-9, nan_ok=True), metric


@given(seed=st.integers(0, 2**32), n=st.integers(30, 6000))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_metric_of_every_task_overall_and_by_phase(tmp_path, seed, n):
    stream = unequal(n, seed)
    results = judged(stream, tmp_path / "p.parquet", seed)
    dumped = pq.read_table(tmp_path / "p.parquet")
    phase = CALENDAR.phase(stream.time)
    overall, by_phase = results.overall(), results.by_phase()
    for method, tasks in METHODS.items():
        for task in tasks:
            everyone = direct(stream, dumped, method, task, np.ones(n, bool))
            assert_equal(overall[method][task], everyone)
            for name, table in by_phase.items():
                of = direct(stream, dumped, method, task, phase == PHASES.index(name))
                assert_equal(table[method][task], of)


def test_calibration_by_decile_is_over_all_rows_where_a_scenario_asks_for_it():
    stream = unequal(6000, 11)
    ledger = Ledger({"a": ("cvr",)}, CALENDAR, START, SEGMENT, metrics=("decile_error",))
    own = Stream(stream.time, stream.labels, stream.truth, {"a": {"cvr": stream.predictions["a"]["cvr"]}})
    feed(ledger, own, np.random.default_rng(1), settled=len(stream.time))
    results = ledger.finish()
    found = results.overall()["a"]["cvr"]
    label = stream.labels.converted.astype(float)
    whole = metrics.decile_error(stream.predictions["a"]["cvr"], label)
    assert found.values["decile_error"] == pytest.approx(whole, rel=0.02)
    assert found.means["decile_error"] > 1.1 * whole, "segments differ in level"


def test_formulas_written_out(tmp_path):
    stream = unequal(5000, 7)
    found = judged(stream, None, 1).overall()["a"]
    paid, again = stream.labels.converted, stream.labels.pay_count > 1
    served, label = stream.predictions["a"]["gmv"], stream.labels.gmv
    assert found["gmv"].values["rmse"] == pytest.approx(np.sqrt(np.mean((served[paid] - label[paid]) ** 2)))
    assert found["gmv"].values["bias_again"] == pytest.approx(np.log2(served[again] / label[again]).mean())
    kept = paid & (label > stream.labels.refund_amount)
    stays = (label - stream.labels.refund_amount)[kept]
    served = stream.predictions["a"]["netgmv"]
    assert found["netgmv"].values["alpr"] == pytest.approx(np.abs(np.log2(served[kept] / stays)).mean())


def test_means_of_segments_are_weighted_by_rows(tmp_path):
    results = judged(unequal(3000, 3), None, 1)
    for (method, task), series in results.series.items():
        for metric in BY_SEGMENT & series.values.keys():
            known = np.isfinite(series.values[metric])
            if not known.any():  # there is no sale, so no click is before one
                assert np.isnan(results.overall()[method][task].values[metric])
                continue
            mean = np.average(series.values[metric][known], weights=series.rows[known])
            assert results.overall()[method][task].values[metric] == pytest.approx(mean)


def test_a_difference_with_an_interval_is_that_of_the_table():
    results = judged(unequal(4000, 5), None, 2)
    table = results.overall()
    for found in paired_intervals(results):
        if found.phase is None:
            gap = (table[m][found.task].values[found.metric] for m in (found.method, found.baseline))
            assert found.difference == pytest.approx(next(gap) - next(gap), nan_ok=True), found


def test_the_long_form_says_what_each_metric_is_over():
    results = judged(unequal(4000, 9), None, 2)
    rows = [r for r in results.metrics.to_pylist() if (r["method"], r["task"]) == ("a", "netgmv")]
    for metric in ("alpr", "bias_once", "bias_again", "bias_late", "log_mae"):
        mine = [r for r in rows if r["metric"] == metric and r["value"] is not None]
        pooled = np.average([r["value"] for r in mine], weights=[r["rows"] for r in mine])
        assert results.overall()["a"]["netgmv"].values[metric] == pytest.approx(pooled)


@given(seed=st.integers(0, 2**32), n=st.integers(1, 2000), parts=st.integers(1, 9), apart=st.booleans())
@settings(max_examples=60, deadline=None)
def test_deciles_of_parts_are_those_of_the_whole(seed, n, parts, apart):
    random = np.random.default_rng(seed)
    label = np.exp(random.normal(size=n)) * (random.random(n) < 0.5)
    # Predictions that are more than a thousandth apart share no bin: then the deciles are exact.
    served = 1.002 ** random.permutation(n) if apart else np.exp(random.normal(size=n))
    whole = Deciles()
    for rows in np.array_split(random.permutation(n), parts):
        part = Deciles()
        for few in np.array_split(rows, 2):
            part.add(served[few], label[few])
        whole.merge(part)
    within = 1e-9 if apart else 0.02
    wanted = metrics.decile_error(served, label)
    if apart or n > 1000:
        assert whole.error() == pytest.approx(wanted, abs=within, rel=1e-9, nan_ok=True)


def test_deciles_hold_what_was_predicted_at_nothing():
    served, label = np.repeat([0.0, 1.0, 1.5, 2.0, 3.0], 20), np.tile([0.0, 1.0], 50)
    whole = Deciles()
    whole.add(served, label)
    assert whole.error() == pytest.approx(metrics.decile_error(served, label))
    assert whole.ece() == pytest.approx(metrics.ece(served, label))


def test_deciles_without_a_number():
    empty = Deciles()
    assert np.isnan(empty.error())
    empty.add(np.array([1.0, np.inf]), np.array([1.0, 1.0]))
    assert np.isnan(empty.error())
    nothing = Deciles()
    nothing.add(np.array([1.0, 0.0]), np.zeros(2))
    assert np.isnan(nothing.error())
