"""What amounts are judged by: brute force over all pairs, groups by maturity, calibration by decile, the tasks of GMV."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.evaluation import metrics
from simulator.evaluation.tasks import TASKS, measure, outcome
from simulator.evaluation.tasks.impressions import JudgedLabels
from simulator.log.schema import Labels
from simulator.units import HOUR
from tests.commands import ROOT


def pairs(predictions, labels):
    """Concordance over all pairs with different labels, equal predictions half (section 5 of the benchmark)."""
    order = np.sign(predictions[:, None] - predictions) * np.sign(labels[:, None] - labels)
    different = labels[:, None] != labels
    return (0.5 + 0.5 * order)[different].mean() if different.any() else math.nan


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(1, 30), st.integers(1, 30))
def test_concordance_under_ties_is_that_of_all_pairs(seed, n, distinct, prices):
    rng = np.random.default_rng(seed)
    predictions, labels = rng.integers(0, distinct, n) * 1.5, np.exp(rng.integers(0, prices, n))
    found = metrics.concordance(predictions, labels)
    np.testing.assert_allclose(found, pairs(predictions, labels), atol=1e-12)


def test_concordance_of_many_rows_is_that_of_all_pairs():
    rng = np.random.default_rng(1)
    labels = np.round(rng.lognormal(4, 1.2, 2500))
    labels[rng.random(2500) < 0.7] = 0  # as for the value of clicks, most of which do not pay
    predictions = np.round(labels**0.3 * rng.lognormal(0, 1, 2500), 1)
    assert metrics.concordance(predictions, labels) == pytest.approx(pairs(predictions, labels), abs=1e-12)


def test_concordance_takes_no_second_to_load():
    program = (
        "import sys, numpy as np; from simulator.evaluation.metrics import concordance; a = np.arange(9.0)\n"
        "assert concordance(a, a) == 1; assert 'scipy.stats' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_deciles():
    predictions = np.arange(1.0, 101.0)
    labels = predictions * np.where(predictions <= 50, 2.0, 0.5)
    up, down, rows = metrics.calibration(predictions, labels)
    assert rows.tolist() == [10] * 10
    np.testing.assert_allclose(up, [55 + 100 * k for k in range(10)])
    np.testing.assert_allclose(down / up, [2] * 5 + [0.5] * 5)
    off = sum(range(1, 51)) * 1.0 + sum(range(51, 101)) * 0.5
    assert metrics.decile_error(predictions, labels) == pytest.approx(off / labels.sum())
    assert metrics.decile_error(predictions, predictions) == 0
    assert metrics.decile_error(labels, labels[::-1].copy()) >= abs(metrics.pcoc(labels, labels) - 1)
    few = metrics.calibration(np.array([3.0, 1.0]), np.array([5.0, 7.0]))
    assert [part.sum() for part in few] == [4, 12, 2]
    assert math.isnan(metrics.decile_error(np.ones(3), np.zeros(3)))


def test_bias_adds_up_and_rmse_is_in_the_currency():
    label, predicted = np.array([100.0, 100, 50, 0]), np.array([50.0, 50, 100, 9])
    assert metrics.log_bias(predicted, label) == pytest.approx(-1 / 3)
    assert metrics.rmse(predicted, label) == pytest.approx(math.sqrt((3 * 2500 + 81) / 4))
    assert math.isnan(metrics.log_bias(predicted[:0], label[:0]))
    assert math.isnan(metrics.rmse(predicted[:0], label[:0]))


@pytest.fixture
def labels():
    pay_count = np.array([0, 1, 2, 3, 1, 1], np.int32)
    time = np.arange(6) * HOUR
    wait = np.array([0, 1, 2, 30, 25, 24]) * HOUR
    gmv = np.array([0.0, 10, 20, 40, 80, 160])
    first = np.where(pay_count > 0, time + wait, -1)
    refunds = np.array([0.0, 10, 5, 0, 80.000001, 0])
    never = np.full(6, -1)
    found = Labels(pay_count > 0, refunds > 0, gmv, refunds, pay_count, first, never, never)
    return time, found


def test_maturity_tells_the_clicks_apart(labels):
    """Each group is predicted wrong by another factor; a first pay a whole day after the click is not late yet."""
    time, found = labels
    factor = np.array([1.0, 2, 4, 4, 0.5, 2])
    reached = measure("gmv", found.gmv * factor, outcome("gmv", found, None, time)).values
    assert reached["bias_once"] == pytest.approx((1 - 1 + 1) / 3)
    assert reached["bias_again"] == pytest.approx(2)
    assert reached["bias_late"] == pytest.approx((2 - 1) / 2)
    assert reached["bias"] == pytest.approx((1 + 2 + 2 - 1 + 1) / 5)
    assert math.isnan(measure("gmv", found.gmv, outcome("gmv", found, None)).values["bias_late"])


def test_tasks_of_gmv(labels):
    time, found = labels
    net = outcome("netgmv", found, None, time)
    np.testing.assert_array_equal(net.label, [0, 15, 40, 0, 160])
    again = outcome("repurchase", found, None, time)
    np.testing.assert_array_equal(again.label, [0, 1, 1, 0, 0])
    router = measure("repurchase", np.array([0.9, 0.1, 0.7, 0.6, 0.2, 0.6]), again).values
    assert router["auc"] == pytest.approx((3 + 2 + 0.5) / 6)
    truth = {"p_pay": np.full(6, 0.5), "expected_gmv": np.full(6, 50.0)}
    value = outcome("value", found, truth, time)
    assert len(value.label) == 6
    reached = measure("value", np.full(6, 50.0), value).values
    assert reached["regret_gamma"] == 0
    assert reached["pcoc"] == pytest.approx(300 / 310)
    assert measure("value", np.full(6, 100.0), value).values["regret_gamma"] > 0


@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_task_measures_what_it_says_on_any_rows(task, labels):
    time, found = labels
    if TASKS[task].population == "impressions":
        clicked = found.converted | (np.arange(6) % 2 == 0)
        found = JudgedLabels(**found.arrays(), clicked=clicked, would_pay=np.arange(6.0) % 2)
    for size in (6, 1, 0):
        cut = found[np.arange(size)]
        judged = outcome(task, cut, None, time[:size])
        values = measure(task, np.full(size, 0.5), judged).values
        assert tuple(values) == TASKS[task].measured
        assert {TASKS[task].primary, TASKS[task].regret, TASKS[task].headline, "auc", "pcoc"} <= set(values)
