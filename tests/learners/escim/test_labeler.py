"""The labelers on a small log: what is fitted, what a batch is labelled, what a checkpoint holds."""

from __future__ import annotations

import numpy as np
import pytest

from learners.auxiliary import AUXILIARIES
from learners.escim.estimator import Structural
from learners.escim.scm import Autoencoder, Prior
from learners.history import History
from learners.materials import Materials
from simulator.units import DAY

FAST = {"epochs": 1, "rate": 1e-2}


@pytest.fixture
def materials(ground, small):
    history = History(ground.log, ground.windows, 0, 6 * DAY)
    learner = small.model_copy(update={"embedding_dim": 4})
    return Materials(history, DAY, learner, 3, ground.cache, start=lambda: None)


def batch_of(materials, samples, n=300, *, clicked=None):
    clicks, labels = next(iter(materials.history.log.labelled(materials.history.windows, 0, 6 * DAY)))
    o = (np.arange(n) % 3 == 0).astype(float) if clicked is None else np.full(n, clicked)
    return samples(
        n, features=clicks.features[:n], clicked=o, converted=np.where(o == 1, labels.converted[:n], 0.0)
    )


def made(kind, materials, **parameters):
    return AUXILIARIES[kind](**parameters).prepare(materials)


def test_ratio_labels_as_many_as_would_convert_and_the_best_of_them(materials, samples):
    batch = batch_of(materials, samples)
    clicked, converted = batch.column("clicked") == 1, batch.converted == 1
    labels = made("naive-labeler", materials, rule="ratio", **FAST).of_samples(batch)["potential"]
    scores = made("naive-labeler", materials, rule="soft", **FAST).of_samples(batch)["potential"]
    count = int(converted.sum()) * (300 // int(clicked.sum()))
    assert 0 < count < 300
    assert labels.sum() == count
    assert scores[labels == 1].min() >= scores[labels == 0].max()
    best = made("naive-labeler", materials, rule="max", **FAST).of_samples(batch)["potential"]
    np.testing.assert_array_equal(best, scores >= scores[converted].max())


def test_rows_that_are_no_impressions_are_labelled_nothing(materials, samples):
    batch = batch_of(materials, samples)
    batch.carried["clicked"][100:] = np.nan
    labels = made("naive-labeler", materials, rule="soft", **FAST).of_samples(batch)["potential"]
    assert (labels[100:] == 0).all()
    assert (labels[:100] > 0).all()


@pytest.mark.parametrize("clicked", [0.0, 1.0])
@pytest.mark.parametrize("rule", ["max", "ratio", "random", "soft"])
def test_batches_of_one_kind_are_labelled(materials, samples, clicked, rule):
    batch = batch_of(materials, samples, clicked=clicked)
    found = made("escim", materials, rule=rule, **FAST, autoencoder_epochs=1).of_samples(batch)["potential"]
    assert np.isfinite(found).all()
    if clicked == 0 and rule != "soft":
        assert not found.any()


def test_noise_that_was_not_learnt_to_be_ignored_decides_the_order(materials, samples):
    """At the published budget of two epochs at 1e-4 two draws of z rank the rows apart; without z they rank them alike."""
    batch = batch_of(materials, samples, n=2_000)
    short = {"epochs": 2, "autoencoder_epochs": 1, "rule": "soft"}
    drawn = made("escim", materials, **short)
    first, second = (drawn.of_samples(batch)["potential"] for _ in range(2))
    at_mean = made("escim", materials, noise="mean", **short)
    fixed, again = (at_mean.of_samples(batch)["potential"] for _ in range(2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.7
    np.testing.assert_allclose(fixed, again)


def test_the_prior_learns_the_conversion_rate(materials):
    prior = Prior(materials, 3, 1e-2)
    prior.fit(materials, 3)
    parts = list(materials.history.log.labelled(materials.history.windows, 0, 6 * DAY))
    features = np.concatenate([clicks.features for clicks, _ in parts])
    paid = np.concatenate([labels.converted for _, labels in parts])
    said = prior.score(features, prior.draw(len(features)))
    assert said.mean() == pytest.approx(paid.mean(), rel=0.15)
    assert said[paid].mean() > 1.2 * said[~paid].mean()


def test_the_autoencoder_learns_to_reconstruct(materials):
    autoencoder = Autoencoder(materials, 4, 1e-2, 4)
    clicks, labels = next(iter(materials.history.log.labelled(materials.history.windows, 0, 6 * DAY)))
    part, paid = clicks.features[:500], labels.converted[:500].astype(float)
    losses = [autoencoder.step(part, paid, 0.1) for _ in range(120)]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    mean, deviation = autoencoder.encode(part, paid)
    assert mean.shape == deviation.shape == (500, 4)
    assert (deviation > 0).all()


def test_one_normal_is_made_of_the_clicks_of_a_batch(materials):
    """z is drawn from N(mean of the means, (mean of the deviations) squared), the same for every row."""
    autoencoder, prior = Autoencoder(materials, 2, 1e-2, 4), Prior(materials, 2, 1e-2)
    clicks, labels = next(iter(materials.history.log.labelled(materials.history.windows, 0, 6 * DAY)))
    part, paid = clicks.features[:50], labels.converted[:50].astype(float)
    mean, deviation = autoencoder.encode(part, paid)
    scorer = Structural(prior, autoencoder, mean=False, beta=0.0)
    drawn = scorer._noise(20_000, part, paid)
    np.testing.assert_allclose(drawn.mean(0), mean.mean(0), atol=0.05)
    np.testing.assert_allclose(drawn.std(0), deviation.mean(0), rtol=0.05)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("escim", {"rule": "random", "refresh": True, "autoencoder_epochs": 1, **FAST}),
        ("naive-labeler", {"rule": "ratio", "counts": "running", "refresh": True, **FAST}),
        ("escim-joint", {"edge": False, "refresh": True, **FAST}),
    ],
)
def test_a_labeler_goes_on_from_its_state_to_the_same_labels(kind, parameters, materials, samples):
    batch = batch_of(materials, samples)
    one, other = (made(kind, materials, **parameters) for _ in range(2))
    for _ in range(2):
        one.of_samples(batch)
    before = other.of_samples(batch)["potential"]
    state = one.state_dict()
    expected = one.of_samples(batch)["potential"]
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.of_samples(batch)["potential"], expected)
    assert not np.array_equal(before, expected)


def test_refreshing_moves_the_scores(materials, samples):
    batch = batch_of(materials, samples)
    still = made("naive-labeler", materials, rule="soft", **FAST)
    moving = made("naive-labeler", materials, rule="soft", refresh=True, **FAST)
    first, second = (still.of_samples(batch)["potential"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    first, second = (moving.of_samples(batch)["potential"] for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(("epochs", "last"), [(5, 0.4), (8, 0.4375)])
def test_the_weight_of_the_divergence_ends_below_its_aim_as_in_the_public_code(
    materials, monkeypatch, epochs, last
):
    weights = []
    monkeypatch.setattr(Autoencoder, "step", lambda self, features, converted, beta: weights.append(beta))
    Autoencoder(materials, 2, 1e-4, 4).fit(materials, epochs, AUXILIARIES["escim"]().beta)
    assert (min(weights), max(weights)) == (0, pytest.approx(last))
    assert AUXILIARIES["escim"]().autoencoder_epochs == 5
