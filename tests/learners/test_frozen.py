"""Frozen models that several methods ask: each question is computed once, and nothing changes by that."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from learners import frozen
from learners.build import build_learner
from learners.frozen import FrozenModels


class Counting:
    """Doubles the first feature, and counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    def outputs(self, features, inputs=None):
        self.asked += 1
        return {"p": 2.0 * features[:, 0] + (0 if inputs is None else inputs[:, 0])}


def shared(users):
    models, model = FrozenModels(), Counting()
    for _ in range(users):
        one = models.of("key", lambda: model)
    return model, one


def rows(n, start=0):
    return np.arange(start, start + n, dtype=np.int32)[:, None]


def test_what_one_has_asked_the_others_are_told_and_then_it_is_forgotten():
    model, one = shared(3)
    batches = [rows(4), rows(5), rows(4, 10)]
    for _ in range(3):
        for batch in batches:
            assert one.outputs(batch.copy())["p"].tolist() == (2.0 * batch[:, 0]).tolist()
    assert model.asked == 3
    assert not one._known


def test_other_features_or_inputs_are_another_question():
    model, one = shared(2)
    inputs = np.ones((4, 1))
    assert one.outputs(rows(4))["p"].tolist() == [0, 2, 4, 6]
    assert one.outputs(rows(4), inputs)["p"].tolist() == [1, 3, 5, 7]
    assert one.outputs(rows(4), inputs.copy())["p"].tolist() == [1, 3, 5, 7]
    assert one.outputs(rows(4), 2 * inputs)["p"].tolist() == [2, 4, 6, 8]
    assert model.asked == 3


def test_a_model_of_one_method_remembers_nothing_and_others_no_more_than_so_much():
    model, one = shared(1)
    assert one.outputs(rows(4)) is not one.outputs(rows(4))
    assert (model.asked, one._known) == (2, [])
    model, one = shared(2)
    for start in range(2 * frozen.KNOWN):
        one.outputs(rows(2, start))
    assert len(one._known) == len(one._left) == frozen.KNOWN


def test_what_is_told_cannot_be_written_to():
    _, one = shared(2)
    with pytest.raises(ValueError, match="read-only"):
        one.outputs(rows(2))["p"][0] = 1


def test_threads_share_too():
    model, one = shared(4)
    batches = [rows(50, k) for k in range(30)]
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: [one.outputs(batch)["p"][0] for batch in batches], range(4)):
            assert found == [2.0 * k for k in range(30)]
    assert model.asked == 30


def test_methods_with_one_auxiliary_share_it_and_estimate_what_they_would_alone(
    resolved, ground, small, samples
):
    methods = resolved("es-dfm", "defuse")
    models = FrozenModels()
    together = [build_learner(m, learner=small, frozen=models, **ground.arguments()) for m in methods]
    alone = build_learner(methods[0], learner=small, **ground.arguments())
    estimators = [learner._estimator for learner in together]
    assert estimators[0]._model is estimators[1]._model is not alone._estimator._model
    features = ground.log.ids[:300]
    batch = samples(len(features), features=features)
    found = [estimator.of_samples(batch) for estimator in (*estimators, alone._estimator)]
    for name in ("p_dp", "p_rn"):
        np.testing.assert_array_equal(found[0][name], found[2][name])
        np.testing.assert_array_equal(found[1][name], found[2][name])
