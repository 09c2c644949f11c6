"""The learner's contract: publication, determinism, state, odd batches."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from learners.build import build_learner
from simulator.errors import LogError, PartError
from simulator.learning import Learner
from tests.learners.ask import WITHOUT_SALES, asked


def feed(learner, ground, samples, begin, end, size=128):
    """Learn the final labels of clicks ``begin`` to ``end`` in small batches."""
    log = ground.log
    for k in range(begin, end, size):
        part = slice(k, min(k + size, end))
        gmv = np.where(log.converted[part], log.gmv[part], np.nan)
        learner.learn(samples(part.stop - k, converted=log.converted[part], gmv=gmv, features=log.ids[part]))


@pytest.fixture
def build(one, small, ground):
    return lambda name="es-dfm", **other: build_learner(
        one.method({"method": name, "learner": small.model_dump()}),
        **ground.arguments(learner=small, **other),
    )


def served(learner, ground):
    return learner.predict(asked(ground.log.ids[-3_000:]))[learner.tasks[0]]


def test_training_does_not_show_before_publication(build, ground, samples):
    learner: Learner = build()
    before = served(learner, ground)
    feed(learner, ground, samples, 9_000, 10_000)
    np.testing.assert_array_equal(served(learner, ground), before)
    learner.publish()
    after = served(learner, ground)
    assert np.abs(after - before).max() > 1e-3
    feed(learner, ground, samples, 10_000, 10_500)
    np.testing.assert_array_equal(served(learner, ground), after)


@pytest.mark.parametrize("name", WITHOUT_SALES)
def test_two_learners_of_one_seed_agree_bit_for_bit(name, build, ground, samples):
    numbers = []
    for _ in range(2):
        learner = build(name)
        feed(learner, ground, samples, 9_000, 10_000)
        learner.publish()
        numbers.append(served(learner, ground))
    np.testing.assert_array_equal(*numbers)
    assert np.isfinite(numbers[0]).all()
    assert numbers[0].dtype == np.float64


def test_another_seed_gives_other_weights(build, ground):
    assert np.abs(served(build(seed=1), ground) - served(build(seed=2), ground)).max() > 1e-4


@pytest.mark.parametrize("published", [True, False])
def test_stopping_and_going_on_gives_the_same_numbers(published, build, ground, samples):
    straight = build()
    feed(straight, ground, samples, 9_000, 9_700)
    if published:
        straight.publish()
        feed(straight, ground, samples, 9_700, 9_900)
    file = io.BytesIO()
    torch.save(straight.state_dict(), file)
    file.seek(0)
    resumed = build()
    feed(resumed, ground, samples, 0, 500)  # whatever it had learnt must be gone
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert resumed.steps == straight.steps
    for learner in (straight, resumed):
        learner.before = served(learner, ground)
        feed(learner, ground, samples, 9_900, 10_800)
        learner.still = served(learner, ground)
        learner.publish()
    np.testing.assert_array_equal(resumed.before, straight.before)
    np.testing.assert_array_equal(resumed.still, straight.before)
    np.testing.assert_array_equal(served(resumed, ground), served(straight, ground))


def test_a_state_is_a_copy(build, ground, samples):
    learner = build()
    state = learner.state_dict()
    kept = {name: value.clone() for name, value in state["adam"].items() if isinstance(value, torch.Tensor)}
    feed(learner, ground, samples, 9_000, 9_500)
    for name, value in kept.items():
        assert torch.equal(state["adam"][name], value)


def test_a_state_of_another_shape_is_refused(build, ground, one, small):
    other = small.model_copy(update={"hidden": (8, 4)})
    with pytest.raises(ValueError, match="numbers, not"):
        build().load_state_dict(
            build_learner(one.method("fnw"), **ground.arguments(learner=other)).state_dict()
        )


def test_batches_of_one_row_and_of_none(build, ground, samples):
    learner = build()
    steps = learner.steps
    learner.learn(samples(1, converted=1.0, features=ground.log.ids[:1]))
    assert learner.steps == steps + 1
    learner.learn(samples(0, features=ground.log.ids[:0]))
    learner.learn(samples(3, gmv=4.0, features=ground.log.ids[:3]))
    assert learner.steps == steps + 1
    learner.publish()
    assert np.isfinite(served(learner, ground)).all()
    assert len(learner.predict(asked(ground.log.ids[:0]))["cvr"]) == 0


def test_rows_that_say_nothing_leave_no_trace(build, ground, samples):
    """Null rows between others change neither gradients nor batch-norm statistics."""
    plain, mixed = build("oracle"), build("oracle")
    ids = ground.log.ids[:200]
    labels = ground.log.converted[:200].astype(float)
    told = np.arange(200) % 3 > 0
    plain.learn(samples(int(told.sum()), converted=labels[told], features=ids[told]))
    mixed.learn(samples(200, converted=np.where(told, labels, np.nan), features=ids))
    for learner in (plain, mixed):
        learner.publish()
    np.testing.assert_array_equal(served(plain, ground), served(mixed, ground))


def test_publishing_slows_layers_and_embeddings_alike(one, ground, small, samples):
    """With a decay of a half the embeddings, too, move by half as much after a publication."""
    slowing = small.model_copy(update={"learning_rate_decay": 0.5})
    learner = build_learner(
        one.method({"method": "oracle", "learner": slowing.model_dump()}), **ground.arguments(learner=slowing)
    )
    model = learner._model
    rates = model.adam.rate, model.table.rate
    ids, labels = ground.log.ids[:1], ground.log.converted[:1].astype(float)

    def moved():
        """How far the rows of a click went for its gradient: a step is rate * gradient / sqrt(G) (Adagrad)."""
        before, kept = model.table.weight.clone(), model.table.accumulator.clone()
        learner.learn(samples(1, converted=labels, features=ids))
        rows = torch.from_numpy(model.table.rows(ids))
        total = model.table.accumulator[rows]
        gradient = (total - kept[rows]).sqrt()  # the accumulator grows by the mean square
        step = (model.table.weight - before)[rows].square().mean(dim=1, keepdim=True).sqrt()
        return (step * total.sqrt() / gradient).mean().item()

    assert moved() == pytest.approx(rates[1], rel=0.01)
    learner.publish()
    assert (model.adam.rate, model.table.rate) == (rates[0] / 2, rates[1] / 2)
    assert moved() == pytest.approx(rates[1] / 2, rel=0.01)


def test_prediction_depends_on_the_row_alone(build, ground):
    learner = build("fnw")
    many = learner.predict(asked(ground.log.ids[:5_000]))["cvr"]
    few = np.concatenate(
        [learner.predict(asked(ground.log.ids[k : k + 625]))["cvr"] for k in range(0, 5_000, 625)]
    )
    np.testing.assert_allclose(few, many, rtol=1e-5)


def test_faults_are_told_plainly(build, ground, samples):
    learner = build("fnw")
    ids = ground.log.ids[:2].copy()
    ids[1, 1] = 777
    with pytest.raises(LogError, match=r"feature 'item' holds id 777; allowed: 0 to 199"):
        learner.predict(asked(ids))
    with pytest.raises(PartError, match=r"the loss is inf at step"):
        learner.learn(samples(2, converted=1.0, weight=np.inf, features=ground.log.ids[:2]))
