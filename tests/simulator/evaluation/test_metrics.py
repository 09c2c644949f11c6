"""Metrics against scikit-learn and against definitions spelled out over all pairs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from simulator.evaluation import metrics

# Few distinct scores, so that ties are the rule.
scores = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0]), min_size=2, max_size=40)


@settings(max_examples=150, deadline=None)
@given(scores, st.randoms(use_true_random=False))
def test_ranking_matches_sklearn_under_ties(values, random):
    predictions = np.array(values)
    labels = np.array([random.random() < 0.4 for _ in values], np.float64)
    labels[0], labels[-1] = 1.0, 0.0
    auc, prauc = metrics.ranking(predictions, labels)
    assert auc == pytest.approx(roc_auc_score(labels, predictions), abs=1e-12)
    assert prauc == pytest.approx(average_precision_score(labels, predictions), abs=1e-12)
    assert metrics.auc(predictions, labels) == auc
    assert metrics.prauc(predictions, labels) == prauc


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
        metrics.auc(predictions, labels), abs=1e-12
    )


def test_nll_regret_and_pcoc():
    random = np.random.default_rng(1)
    truth = random.beta(1, 8, 20_000)
    labels = (random.random(20_000) < truth).astype(np.float64)
    worse = np.clip(truth * 1.5, 0, 0.99)
    assert metrics.nll(worse, labels) == pytest.approx(log_loss(labels, worse), abs=1e-12)
    assert metrics.nll(worse, labels) > metrics.nll(truth, labels)
    assert metrics.pcoc(worse, labels) == pytest.approx(worse.mean() / labels.mean())


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
        metrics.auc,
        metrics.prauc,
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
    if metric in (metrics.auc, metrics.prauc, metrics.pcoc, metrics.concordance):
        assert math.isnan(metric(np.array([0.1, 0.2]), np.zeros(2)))
    assert math.isnan(metrics.auc(np.array([0.1, 0.2]), np.ones(2)))
