"""How many passes are enough: the last past promotion tells, which nothing was learnt from until then."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners import build, pretrain
from learners.build import build_learner
from learners.history import History
from learners.kit.ground import (
    HISTORY,
    LEARNER,
    OBSERVATION,
    WINDOWS,
    TrialLog,
    clicks_of,
    resolved,
    trial_log,
)
from learners.networks.mlp import MLP
from learners.pretrain import Pretraining, pretrained
from learners.start import RECIPES
from learners.stopping import enough
from simulator.calendar import Calendar, Promotion
from simulator.errors import RunError
from simulator.units import DAY, HOUR

OLD = Promotion("old", DAY, DAY + 6 * HOUR, 18 * HOUR)
PAST = Promotion("past", 2 * DAY + 12 * HOUR, 3 * DAY, DAY)
COMING = Promotion("coming", 5 * DAY, 6 * DAY, DAY)
CALENDAR = Calendar.of([COMING, PAST, OLD])


def history(calendar=CALENDAR, start=0):
    return History(TrialLog(trial_log(), "kit"), WINDOWS, start, HISTORY[1], calendar)


@pytest.mark.parametrize(
    ("losses", "best", "taken"), [((3, 2, 2.5, 1), 2, 3), ((4, 3, 2, 1), 4, 4), ((2, 2, 1, 1), 1, 2)]
)
def test_passes_end_where_the_last_promotion_is_foretold_worse(losses, best, taken):
    learnt, judged = [], []

    def loss(span):
        judged.append((span.start, span.end))
        return losses[len(judged) - 1]

    def learn(span, number):
        learnt.append((span.start, span.end, number))

    assert enough(history(), len(losses), learn, loss) == best
    begin = PAST.start - PAST.anticipation
    assert learnt == [(0, begin, number) for number in range(taken)]
    assert judged == taken * [(begin, PAST.end)]


def test_two_promotions_are_needed_and_something_to_judge_by():
    def nothing(*_):
        return np.nan

    with pytest.raises(RunError, match=r"From 12h to 4d there is 'past'; lengthen"):
        enough(history(start=12 * HOUR), 2, nothing, nothing)
    with pytest.raises(RunError, match="there is none"):
        enough(history(Calendar.of([COMING])), 2, nothing, nothing)
    with pytest.raises(RunError, match="nothing of the promotion 'past'"):
        enough(history(), 2, nothing, nothing)


@pytest.fixture
def told(monkeypatch):
    """How many passes were found to be enough, in order."""
    found = []

    def remembered(*given):
        found.append(enough(*given))
        return found[-1]

    monkeypatch.setattr(pretrain, "enough", remembered)
    monkeypatch.setattr(build, "enough", remembered)
    return found


def test_pre_training_goes_over_all_of_the_history_as_often_as_that(told, tmp_path):
    def weights(epochs, **more):
        block = LEARNER.model_copy(
            update={"pretrain_epochs": epochs, "learning_rate": 0.03, "pretrain_batch_size": 64}
        )
        part = RECIPES.parse({"kind": "past-promotions", **more}, "start")
        network = MLP().completed(block)
        return pretrained(Pretraining(part, network, (), block, history(), 1), tmp_path).adam.weight

    stopped = weights(9, stop_early=True)
    (passes,) = told
    assert passes < 9  # labels are random: what is learnt by heart foretells nothing
    assert torch.equal(stopped, weights(passes))
    assert not torch.equal(stopped, weights(9))
    assert len(told) == 1


def test_rehearsals_end_so_too(told, tmp_path):
    def served(**start):
        method = resolved(method="cm-dcm", start=start, learner={"learning_rate": 0.01})
        learner = build_learner(
            method, log=TrialLog(trial_log(), "kit"), windows=WINDOWS, history=HISTORY, observation=OBSERVATION,
            learner=method.learner, seed=1, cache=tmp_path, calendar=CALENDAR,
        )  # fmt: skip
        return learner.predict(clicks_of(trial_log()))["delayed"]

    stopped = served(epochs=12, stop_early=True)
    (passes,) = told
    assert passes < 12
    np.testing.assert_array_equal(stopped, served(epochs=passes))
    assert not np.array_equal(stopped, served(epochs=12))
