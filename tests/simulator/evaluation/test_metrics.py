"""Metrics against scikit-learn and against definitions spelled out over all pairs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from simulator.evaluation import metrics
from simulator.ranking import ranking


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([1.0, 2.0, 2.5, 7.0, 1e6]), st.sampled_from([0.5, 1.0, 3.0, 3.5])),
        max_size=30,
    )
)
def test_concordance_is_the_count_over_all_pairs(pairs):
    predictions, labels = np.array([p for p, _ in pairs]), np.array([y for _, y in pairs])
    agree = total = 0.0
    for i in range(len(pairs)):
        for j in range(i):
            if labels[i] != labels[j]:
                total += 1
                order = (predictions[i] - predictions[j]) * (labels[i] - labels[j])
                agree += 1.0 if order > 0 else 0.5 if order == 0 else 0.0
    found = metrics.concordance(predictions, labels)
    assert math.isnan(found) if not total else found == pytest.approx(agree / total, abs=1e-14)


def test_concordance_of_two_labels_is_auc():
    random = np.random.default_rng(0)
    labels = (random.random(5000) < 0.2).astype(np.float64)
    predictions = np.round(random.normal(size=5000) + labels, 1)
    assert metrics.concordance(predictions, labels) == pytest.approx(
        ranking(predictions, labels)[0], abs=1e-12
    )


def test_nll_regret_and_pcoc():
    random = np.random.default_rng(1)
    truth = random.beta(1, 8, 20_000)
    labels = (random.random(20_000) < truth).astype(np.float64)
    worse = np.clip(truth * 1.5, 0, 0.99)
    assert metrics.nll(worse, labels) == pytest.approx(log_loss(labels, worse), abs=1e-12)
    assert metrics.nll(worse, labels) > metrics.nll(truth, labels)
    assert metrics.pcoc(worse, labels) == pytest.approx(worse.mean() / labels.mean())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.floats(0, 1)), min_size=2, max_size=40))
def test_the_log_loss_of_soft_labels_is_that_of_weighted_rows(rows):
    probabilities, labels = np.array(rows).T
    sides, weights = np.repeat([1, 0], len(rows)), np.concatenate([labels, 1 - labels])
    expected = log_loss(sides, np.tile(probabilities, 2), sample_weight=weights, labels=[0, 1])
    assert metrics.nll(probabilities, labels) == pytest.approx(expected, abs=1e-12)


def test_certain_and_wrong_is_clamped_not_infinite():
    assert metrics.nll(np.array([0.0, 1.0]), np.array([1.0, 0.0])) == 100.0
    assert metrics.nll(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 0.0


def test_gmv_metrics_on_the_papers_examples():
    label = np.array([100.0, 100.0, 100.0, 100.0])
    predicted = np.array([120.0, 80.0, 121.0, 50.0])
    assert metrics.acc(predicted, label) == 0.5
    assert metrics.alpr(np.array([200.0, 50.0]), np.array([100.0, 100.0])) == pytest.approx(1.0)
    assert metrics.alpr(np.array([200.0, 5.0]), np.array([100.0, 0.0])) == pytest.approx(1.0)
    assert metrics.log_mae(np.array([math.e - 1]), np.array([0.0])) == pytest.approx(1.0)


def test_gamma_regret_is_smallest_at_the_expectation():
    random = np.random.default_rng(2)
    mean = np.exp(random.normal(4, 1, 200_000))
    label = mean * random.gamma(2.0, 0.5, 200_000)
    regrets = [metrics.regret_gamma(mean * factor, label, mean) for factor in (0.8, 1.0, 1.25)]
    assert regrets[1] == 0
    assert regrets[0] == pytest.approx(1 / 0.8 + math.log(0.8) - 1, abs=2e-3)
    assert regrets[2] == pytest.approx(1 / 1.25 + math.log(1.25) - 1, abs=2e-3)


@pytest.mark.parametrize(
    "metric",
    [
        metrics.nll,
        metrics.pcoc,
        metrics.concordance,
        metrics.acc,
        metrics.alpr,
        metrics.log_mae,
    ],
)
def test_undefined_is_nan(metric):
    assert math.isnan(metric(np.empty(0), np.empty(0)))
    assert math.isnan(metric(np.array([np.nan, 0.5]), np.array([1.0, 0.0]))) or metric is metrics.pcoc
    if metric in (metrics.pcoc, metrics.concordance):
        assert math.isnan(metric(np.array([0.1, 0.2]), np.zeros(2)))


def test_amounts_below_one_count_as_any():
    """Positive is positive: half a unit is neither left out nor read as one; predictions below 0 are read as 0."""
    predicted, label = np.array([0.25, 0.5]), np.array([0.5, 0.0])
    assert metrics.log_ratio(predicted, label)[0] == pytest.approx(1.0)
    assert math.isnan(metrics.log_ratio(predicted, label)[1])
    assert metrics.alpr(predicted, label) == pytest.approx(1.0)
    assert metrics.log_bias(predicted, label) == pytest.approx(-1.0)
    assert metrics.log_mae(predicted[:1], label[:1]) == pytest.approx(math.log(1.5 / 1.25))
    assert metrics.log_mae(np.array([-3.0]), np.array([0.5])) == pytest.approx(math.log(1.5))
