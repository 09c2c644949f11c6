"""A journalled learner that stops anywhere goes on to the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.build import build_learner
from learners.journal import Journal
from simulator.errors import RunError
from simulator.learning import PREDICTIONS, Question
from tests.doubles import Adder
from tests.learners.ask import asked
from tests.learners.conftest import make_samples


def go(journal, calls, *, saves=(), stop=None):
    """Make the calls (the same ones for the same list), saving and stopping where told; return the predictions."""
    rng, answers = np.random.default_rng(0), []
    for place, call in enumerate(calls):
        features = rng.integers(0, 9, (3, 2)).astype(np.int32)
        clicks = asked(features)
        if place == stop:
            break
        if call == "learn":
            journal.learn(make_samples(3, features=features))
        elif call == "publish":
            journal.publish()
        elif call == "tell":
            journal.tell(clicks, clicks.time, {})
        else:
            (answer,) = journal.ask(Question(call, clicks)).values()
            answers.append(answer.tolist())
        if place in saves and isinstance(journal, Journal):
            journal.save()
    return answers


class Settled(Adder):
    """What it estimates does not depend on when it is asked."""

    adapts = False

    def __init__(self):
        super().__init__()
        self.asked = []

    def ask(self, question):
        self.asked.append(question.name)
        if question.name == PREDICTIONS:
            return super().ask(question)
        return {"evidence": question.clicks.features.sum(axis=1) * 1.5}


MIXED = [
    "evidence",
    "learn",
    "predictions",
    "evidence",
    "publish",
    "predictions",
    "tell",
    "evidence",
    "publish",
    "predictions",
]


CALLS = st.lists(
    st.sampled_from(["learn", "publish", "predictions", "evidence", "tell"]), min_size=1, max_size=30
)


@settings(max_examples=60, deadline=None)
@given(
    calls=CALLS,
    saves=st.sets(st.integers(0, 29), max_size=4),
    stop=st.integers(0, 30),
    again=st.integers(0, 30),
)
def test_resumed_equals_uninterrupted(tmp_path_factory, calls, saves, stop, again):
    directory = tmp_path_factory.mktemp("journal")
    whole = go(Adder(), calls)
    go(Journal(Adder(), directory, "a"), calls, saves=saves, stop=stop)
    go(Journal(Adder(), directory, "a", resume=True), calls, saves=saves, stop=again)  # interrupted once more
    learner = Adder()
    assert go(Journal(learner, directory, "a", resume=True), calls) == whole
    assert learner.learned <= calls.count("learn")


def test_work_before_the_checkpoint_is_not_done_again(tmp_path):
    calls = ["learn", "publish", "predictions", "learn", "predictions"]
    go(Journal(Adder(), tmp_path, "a"), calls, saves={2}, stop=4)
    learner = Adder()
    go(Journal(learner, tmp_path, "a", resume=True), calls)
    assert learner.learned == 1


@pytest.mark.parametrize("learner", [Adder, Settled])
@pytest.mark.parametrize("save", range(len(MIXED)))
def test_a_checkpoint_after_any_call(learner, save, tmp_path):
    """The one who goes on says the same, also where it was stopped again before it had caught up, told to save there."""
    whole = go(learner(), MIXED)
    assert go(Journal(learner(), None, "a"), MIXED, saves={save}) == whole
    go(Journal(learner(), tmp_path, "a"), MIXED, saves={save}, stop=save + 1)
    go(Journal(learner(), tmp_path, "a", resume=True), MIXED, saves=set(range(save)), stop=save)
    resumed = learner()
    assert go(Journal(resumed, tmp_path, "a", resume=True), MIXED) == whole
    assert resumed.learned == MIXED[save + 1 :].count("learn")
    if isinstance(resumed, Settled):
        again = MIXED[save + 1 :].count(PREDICTIONS)
        assert [resumed.asked.count(name) for name in (PREDICTIONS, "evidence")] == [again, 3]


def test_its_state_is_that_of_its_learner():
    calls = ["learn", "tell", "publish", "learn"]
    first, second = (Journal(Adder(), None, name) for name in "ab")
    go(first, calls)
    second.load_state_dict(first.state_dict())
    assert go(second, MIXED) == go(first, MIXED)


def days(journal, ground, samples, stop=None, save=None):
    """Two days of four segments: serve and learn in each, publish when the day is over."""
    served = []
    for segment in range(8):
        if segment == stop:
            break
        first = 8_000 + 400 * segment
        served.append(journal.ask(Question(PREDICTIONS, asked(ground.log.ids[first : first + 400])))["cvr"])
        for k in range(first, first + 400, 200):
            part = slice(k, k + 200)
            journal.learn(samples(200, converted=ground.log.converted[part], features=ground.log.ids[part]))
        if segment % 4 == 3:
            journal.publish()
        if segment == save:
            journal.save()
    return served


@pytest.mark.parametrize("save", [1, 4, 6])
def test_a_method_that_publishes_daily_goes_on_in_the_middle_of_a_day(
    save, one, small, ground, samples, tmp_path
):
    """What it serves until the day's end are weights published before the checkpoint, and trained on since."""

    def build():
        method = one.method({"method": "oracle", "learner": small.model_dump()})
        return build_learner(method, **ground.arguments(learner=small))

    whole = days(Journal(build(), None, "m"), ground, samples)
    days(Journal(build(), tmp_path, "m"), ground, samples, stop=save + 1, save=save)
    again = days(Journal(build(), tmp_path, "m", resume=True), ground, samples)
    for segment, (a, b) in enumerate(zip(whole, again, strict=True)):
        np.testing.assert_array_equal(a, b, err_msg=f"segment {segment}")


def test_a_damaged_checkpoint_is_named(tmp_path):
    go(Journal(Adder(), tmp_path, "a"), ["learn", "predictions"], saves={1})
    (tmp_path / "a.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(RunError, match=r"a\.pt.*damaged"):
        Journal(Adder(), tmp_path, "a", resume=True)
