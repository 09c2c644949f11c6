"""``[learner] like``: which values it brings, what wins over it, and what they do to a learner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from learners.build import build_learner
from learners.history import History
from learners.like import CODES
from learners.methods import METHODS
from learners.pretrain import Pretraining, pretrained
from learners.session.run import idle
from simulator.errors import ScenarioError
from simulator.scenario.learner import LearnerBlock
from simulator.units import HOUR
from tests.learners.ask import asked


def test_none_changes_nothing(resolved):
    for method in resolved("es-dfm", "reader", "tesla"):
        assert method.learner.like == "none"
        ours = LearnerBlock.model_validate({**METHODS[method.name].learner})
        assert method.learner == ours


def test_every_method_of_a_code_is_one_of_the_table(resolved):
    for like, code in CODES.items():
        found = resolved(*code.methods, learner={"like": like})
        assert all(m.learner.embedding_optimiser == "adam" and m.learner.fresh_moments for m in found)


@pytest.mark.parametrize(
    ("like", "method", "rate", "further"),
    [
        ("netcvr", "es-dfm", 0.05, {"batch_size": 5000, "left_over": "drop", "weight_decay": 0.0}),
        ("netcvr", "tesla", 0.01, {"embedding_dim": 32, "head_start": "random", "pretrain_learning_rate": 0.05}),
        ("netcvr", "defer", 0.005, {"weight_decay": 0.001}),
        ("netcvr", "miss", 0.01, {"left_over": "step"}),
        ("onlinegmv", "online-single", 0.01, {"learning_rate_decay": 0.99**0.5, "batch_size": 1024}),
        ("onlinegmv", "reader", 0.01, {"learning_rate_decay": 0.95**0.5, "embedding_deviation": 1.0}),
        ("onlinegmv", "offline-single", 1e-4, {"hidden": (1024, 512, 256, 128, 64)}),
        ("es-dfm", "es-dfm", 1e-3, {"pretrain_epochs": 5, "head_start": "base-rate", "embedding_deviation": 0.05}),
        ("es-dfm", "dfm", 1e-3, {"pretrain_epochs": 50, "pretrain_learning_rate": None}),
    ],
)  # fmt: skip
def test_values_are_those_of_the_public_code(like, method, rate, further, resolved):
    found = resolved(method, learner={"like": like})[0].learner
    assert (found.learning_rate, found.embedding_learning_rate) == (rate, rate)
    assert {name: getattr(found, name) for name in further} == further


def test_what_is_written_wins(resolved):
    common = {"like": "netcvr", "batch_size": 300}
    tables = [{"method": "es-dfm", "learner": {"learning_rate": 0.01}}, {"method": "tesla"}]
    es_dfm, tesla = (m.learner for m in resolved(*tables, learner=common))
    assert (es_dfm.learning_rate, es_dfm.embedding_learning_rate, es_dfm.batch_size) == (0.01, 0.05, 300)
    assert (tesla.learning_rate, tesla.batch_size) == (0.01, 300)


def test_a_method_may_have_its_own_and_others_keep_ours(resolved):
    own, other, foreign = (
        m.learner
        for m in resolved(
            {"method": "es-dfm", "name": "own", "learner": {"like": "none"}},
            {"method": "es-dfm", "learner": {"like": "es-dfm"}},
            "posterior-settlement",
            learner={"like": "netcvr"},
        )
    )
    assert own == LearnerBlock()
    assert (other.embedding_dim, other.batch_size) == (8, 1024)
    assert foreign.model_copy(update={"like": "none"}) == LearnerBlock()


def test_a_code_that_has_none_of_the_methods_is_a_fault(resolved):
    with pytest.raises(
        ScenarioError, match=r'learner.like = "onlinegmv": its public code has no es-dfm.*netcvr, es-dfm'
    ):
        resolved("es-dfm", learner={"like": "onlinegmv"})
    with pytest.raises(
        ScenarioError, match=r'method\[1\].learner.like = "netcvr": its public code has no reader'
    ):
        resolved("es-dfm", {"method": "reader", "learner": {"like": "netcvr"}})
    with pytest.raises(ScenarioError, match=r"tesla.: must be .none. or .netcvr."):
        resolved({"method": "es-dfm", "learner": {"like": "tesla"}})


def cvr(log, windows, **values):
    from learners.networks import NETWORKS
    from learners.start import RECIPES

    learner = LearnerBlock(embedding_dim=4, hidden=(8,), pretrain_batch_size=500, **values)
    network = NETWORKS["mlp"]().completed(learner)
    return Pretraining(RECIPES["cvr"](), network, (), learner, History(log, windows, *log.whole), 3)


@pytest.fixture
def plan(ground):
    ground.log.whole = ground.history
    return lambda **values: cvr(ground.log, ground.windows, **values)


def test_heads_start_near_nothing_or_at_the_base_rate(plan, ground):
    """With a rate of next to nothing, the model after pre-training is the one before it."""
    tiny = {"learning_rate": 1e-12, "embedding_learning_rate": 1e-12}
    base = ground.log.p.mean()
    for values, start in (({}, np.log(base / (1 - base))), ({"head_start": "random"}, 0.0)):
        model = pretrained(plan(**tiny, **values), ground.cache)
        assert model.layers["heads"]["cvr"].bias.item() == pytest.approx(start, abs=0.36 if values else 0.05)


def test_embeddings_start_as_wide_as_told(plan):
    assert float(plan(embedding_deviation=1.0).untrained().table.weight.std()) == pytest.approx(1, abs=0.1)
    assert float(plan().untrained().table.weight.std()) == pytest.approx(0.05, abs=0.005)


def test_pretraining_has_a_rate_of_its_own_and_the_stream_another(plan, one, ground, small):
    assert plan(pretrain_learning_rate=0.3).untrained().adam.rate == 0.3
    assert plan(pretrain_learning_rate=0.3).untrained().table.rate == 0.05, "Adagrad's is its own"
    assert plan(pretrain_learning_rate=0.3, embedding_optimiser="adam").untrained().table.rate == 0.3
    learner = small.model_copy(
        update={"pretrain_learning_rate": 0.3, "embedding_optimiser": "adam", "fresh_moments": True}
    )
    model = build_learner(one.method("pre-trained"), **ground.arguments(learner=learner))._model
    assert (model.adam.rate, model.table.rate) == (learner.learning_rate, learner.embedding_learning_rate)
    assert (model.adam.steps, model.table.steps) == (0, 0)
    assert not model.adam.state_dict()["mean"].any()


def test_methods_that_differ_in_the_stream_alone_share_their_start(one, ground, small):
    base = {"pretrain_learning_rate": 0.01, "embedding_optimiser": "adam"}
    for stream in (
        {},
        {"learning_rate": 0.2, "embedding_learning_rate": 0.2},
        {"weight_decay": 0.1},
        {"left_over": "drop"},
    ):
        learner = small.model_copy(update={**base, "left_over": "step", **stream})
        build_learner(one.method("pre-trained"), **ground.arguments(learner=learner))
    assert len(list((ground.cache / "checkpoints").glob("*.safetensors"))) == 1


@pytest.mark.parametrize(("left_over", "last"), [("spread", 700), ("step", 200), ("drop", 200)])
def test_pretraining_keeps_a_short_batch_where_the_public_code_does(
    left_over, last, plan, ground, monkeypatch
):
    sizes = []

    def step(self, features, loss, inputs=None):
        sizes.append(len(features))

    monkeypatch.setattr("learners.model.Model.step", step)
    ground.log.whole = (0, int(ground.log.time[10_200]))
    pretrained(plan_of(ground, left_over), ground.cache)
    assert sizes[-1] == last
    assert sum(sizes) == 10_200


def plan_of(ground, left_over):
    return cvr(ground.log, ground.windows, left_over=left_over)


@pytest.mark.parametrize(
    "method", [{"method": "es-dfm", "task": "netcvr"}, {"method": "defer"}, {"method": "reader"}]
)
def test_a_learner_resumes_to_the_bit_and_serves_what_was_published(method, one, ground, samples):
    like = "onlinegmv" if method["method"] == "reader" else "netcvr"
    small = {"embedding_dim": 4, "hidden": [16, 8], "pretrain_batch_size": 500}
    method = one.method({**method, "fidelity": "reference"}, learner={"like": like, **small})
    learner, other = (
        build_learner(method, **ground.arguments(learner=method.learner)) for _ in range(2)
    )  # fmt: skip
    rows = samples(
        64, converted=np.tile([0.0, 1.0], 32), refunded=np.tile([0.0, 1.0], 32), gmv=np.tile([20.0, 5.0], 32),
        event_time=30 * HOUR, elapsed=20 * HOUR, previous_time=25 * HOUR, pay_count=1,
    )  # fmt: skip
    clicks = asked(ground.log.ids[:80])
    first = learner.predict(clicks)
    learner.learn(replace(rows, features=ground.log.ids[:64]))
    learner.publish()
    published = learner.predict(clicks)
    learner.learn(replace(rows, features=ground.log.ids[64:128]))
    other.load_state_dict(learner.state_dict())
    for task, values in other.predict(clicks).items():
        np.testing.assert_array_equal(values, published[task])
        assert task == "repurchase" or not np.array_equal(values, first[task])
    for each in (learner, other):
        each.learn(replace(rows, features=ground.log.ids[10:74]))
        each.publish()
    for task, values in other.predict(clicks).items():
        np.testing.assert_array_equal(values, learner.predict(clicks)[task])
    assert torch.equal(learner._model.table.weight, other._model.table.weight)


def test_a_method_whose_segments_hold_no_whole_batch_is_named(resolved):
    methods = resolved(
        "es-dfm", "pre-trained", {"method": "es-dfm", "name": "ours"}, learner={"like": "netcvr"}
    )
    none = {name: {"steps": 0} for name in ("es-dfm", "pre-trained", "ours")}
    assert [told.split(":")[0] for told in idle(methods, none)] == [
        "method 'es-dfm' learnt nothing in the stream",
        "method 'ours' learnt nothing in the stream",
    ]
    assert "no segment had 5000 samples" in idle(methods, none)[0]
    assert idle(methods, none | {"es-dfm": {"steps": 1}, "ours": {"steps": 3}}) == []
    assert idle(resolved("es-dfm"), none) == [], "by default every row is learnt from"
