"""The share of conversions from scores alone."""

from __future__ import annotations

import numpy as np
import pytest

from learners.reuse.shift import Shift, by_hour, shifted_prior

RIDGES = (1, 0.1, 0.01, 1e-3, 1e-5)


@pytest.mark.parametrize(
    ("negatives", "positives", "said"),
    [
        # E[f|0] = .07 and E[f|1] = .12; and a sharper model, E[f|1] = .25, whose E[f|0] .06 gives all five figures.
        (0.07, 0.12, (0.069, 0.070, 0.078, 0.111, 0.140)),
        (0.06, 0.25, (0.068, 0.079, 0.118, 0.137, 0.140)),
    ],
)
def test_by_ridge_at_the_rates_of_clicks(negatives, positives, said):
    """The truth is .14, where .07 was known: a ridge of 1 says that less is bought."""
    target = 0.14 * positives + 0.86 * negatives
    found = [shifted_prior(negatives, positives, target, 0.07, ridge) for ridge in RIDGES]
    assert found == pytest.approx(said, abs=5.2e-4)  # .06949 is printed as .070
    assert found[0] < 0.07


def test_without_a_ridge_it_is_the_solution_of_the_mixture():
    assert shifted_prior(0.1, 0.4, 0.25, 0.05, 0.0) == pytest.approx(0.5)


def test_its_width_is_the_spread_of_the_scores_over_how_far_labels_are_apart():
    rng = np.random.default_rng(0)

    def estimated(n):
        labels = rng.random(40_000) < 0.2
        scores = np.clip(rng.normal(0.2 + 0.1 * labels, 0.05), 0, 1)
        target = rng.random(n) < 0.4
        found = Shift.of(scores, labels, np.clip(rng.normal(0.2 + 0.1 * target, 0.05), 0, 1), 0.0, 10.0)
        return found, target.mean()

    errors, widths = [], []
    for _ in range(200):
        found, truth = estimated(500)
        errors.append(found.estimate - 0.4)
        widths.append(found.width)
        assert found.weight == pytest.approx(found.estimate / found.prior)
        assert found.apart == pytest.approx(0.1, abs=0.005)
        assert abs(found.estimate - truth) < 0.2
    assert np.std(errors) == pytest.approx(np.mean(widths), rel=0.15)
    assert abs(np.mean(errors)) < 0.01


def test_the_weight_stays_inside_its_bounds():
    scores, labels = np.array([0.1, 0.3, 0.1, 0.3]), np.array([False, True, False, True])
    assert Shift.of(scores, labels, np.full(9, 0.12), 0.0, 4.0).weight == 0.25
    assert Shift.of(scores, labels, np.full(9, 0.28), 0.0, 1.5).weight == 1.5


@pytest.mark.parametrize("target", [0.05, 0.35])
def test_what_is_no_share_changes_no_weight(target):
    scores, labels = np.array([0.1, 0.3, 0.1, 0.3]), np.array([False, True, False, True])
    found = Shift.of(scores, labels, np.full(9, target), 0.0, 4.0)
    assert not 0 <= found.estimate <= 1
    assert found.weight == 1.0


@pytest.mark.parametrize(
    ("labels", "target"), [([False, False], [0.1]), ([True, True], [0.1]), ([False, True], []), ([], [0.1])]
)
def test_where_nothing_can_be_said_positives_weigh_one(labels, target):
    found = Shift.of(np.full(len(labels), 0.1), np.array(labels, bool), np.array(target), 1e-4, 10.0)
    assert found.weight == 1.0
    assert np.isnan(found.width)


def test_by_ridge_and_hour_a_ridge_of_one_turns_the_sign():
    """A sale whose share falls from .20 in its first hour to .12: what is estimated of it as its hours pass."""
    rng = np.random.default_rng(4)
    labels = rng.random(400_000) < 0.07
    hour = np.repeat(np.arange(10), 40_000) + 0.5
    paid = rng.random(len(hour)) < np.linspace(0.20, 0.12, 10)[hour.astype(int)]

    def scored(converted):
        return np.clip(rng.normal(0.07 + 0.05 * converted, 0.02), 0, 1)

    hours = (1, 3, 10)
    truth = np.array([paid[hour < until].mean() for until in hours])
    found = by_hour(scored(labels), labels, scored(paid), hour, hours, (0.0, 1e-4, 1e-2, 1.0))
    assert found.shape == (4, 3)
    np.testing.assert_allclose(found[0], truth, atol=0.006)
    np.testing.assert_allclose(found[1], truth, atol=0.012)
    assert (np.diff(found[1]) < 0).all()
    # A ridge of .01 tells an eighth of what has changed; one of 1 says that less is bought, the less the more there is.
    np.testing.assert_allclose((found[2] - 0.07) / (truth - 0.07), 0.12, atol=0.03)
    assert (found[3] < labels.mean()).all()
