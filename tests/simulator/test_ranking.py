"""AUC and average precision against scikit-learn, where ties are the rule, and where weights are."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from simulator.ranking import ranking, weighted_auc

SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0, -3.0])
ROWS = st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=40)
WEIGHT = st.one_of(st.just(0.0), st.floats(0.01, 100))


@settings(max_examples=200, deadline=None)
@given(ROWS)
def test_it_is_that_of_sklearn_under_ties(rows):
    predictions, labels = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    auc, prauc = ranking(predictions, labels)
    if not labels.any():
        assert math.isnan(auc)
        assert math.isnan(prauc)
        return
    assert prauc == pytest.approx(average_precision_score(labels, predictions), abs=1e-12)
    if labels.all():
        assert math.isnan(auc)
    else:
        assert auc == pytest.approx(roc_auc_score(labels, predictions), abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(SCORES, WEIGHT, WEIGHT), min_size=1, max_size=20))
def test_weights_count_as_those_of_sklearn(rows):
    """Each score has a positive row and a negative one, of the given weights; several rows may have one score."""
    scores, positives, negatives = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    found = weighted_auc(scores, positives, negatives)
    if not positives.any() or not negatives.any():
        assert math.isnan(found)
        return
    labels, weights = np.repeat([1, 0], len(rows)), np.concatenate([positives, negatives])
    expected = roc_auc_score(labels, np.tile(scores, 2), sample_weight=weights)
    assert found == pytest.approx(expected, abs=1e-9)


def test_neither_the_order_of_rows_nor_a_rising_map_of_scores_matters():
    rng = np.random.default_rng(0)
    scores, labels = np.round(rng.normal(size=500), 1), (rng.random(500) < 0.2).astype(np.float64)
    order = rng.permutation(500)
    assert ranking(scores, labels) == ranking(scores[order], labels[order]) == ranking(np.exp(scores), labels)


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_a_score_that_is_no_number_ranks_nothing(strange):
    assert np.isnan(ranking(np.array([0.1, strange]), np.array([0.0, 1.0]))).all()
