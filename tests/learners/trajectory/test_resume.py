"""Stopped in the middle of a day, these methods go on to the same numbers, bit for bit."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from learners.build import build_learner
from learners.kit.ground import CALENDAR, HISTORY, WINDOWS, TrialLog, clicks_of, resolved, trial_log
from simulator.engine import Engine
from simulator.units import HOUR

SEGMENT = 6 * HOUR


def streamed(name, folder, stop=None):
    """Replay a stream; at the end of segment ``stop`` a learner that was made anew takes over, halfway through the samples.
    Return what is served after each segment.
    """
    method = resolved(method=name)

    def made():
        return build_learner(
            method, log=TrialLog(trial_log(), "kit"), windows=WINDOWS, history=HISTORY, observation=HOUR,
            learner=method.learner, seed=1, cache=folder, calendar=CALENDAR,
        )  # fmt: skip

    class Advisor:
        """The learner of the moment."""

        learner = made()

        def ask(self, question):
            return self.learner.ask(question)

        def tell(self, clicks, now, known):
            if self.learner.adapts:
                self.learner.tell(clicks, now, known)

    advisor, served = Advisor(), []
    engine = Engine(
        trial_log(), WINDOWS, {"p": method.policy}, start=HISTORY[1], calendar=CALENDAR, features=True,
        advisors={"p": advisor},
    )  # fmt: skip
    for segment in range(1, 9):
        samples = engine.advance(HISTORY[1] + segment * SEGMENT, segment_end=True).samples["p"]
        half = len(samples) // 2
        advisor.learner.learn(samples[:half])
        if segment == stop:
            file = io.BytesIO()
            torch.save(advisor.learner.state_dict(), file)
            file.seek(0)
            advisor.learner = made()
            advisor.learner.load_state_dict(torch.load(file, weights_only=True))
        advisor.learner.learn(samples[half:])
        advisor.learner.publish()
        served.append(advisor.learner.predict(clicks_of(trial_log()))["cvr"])
    return np.array(served)


@pytest.mark.parametrize("name", ["trajectory", "gdfm", "twice"])
def test_a_method_that_is_stopped_goes_on_to_the_same_numbers(name, tmp_path):
    straight = streamed(name, tmp_path)
    np.testing.assert_array_equal(streamed(name, tmp_path, stop=3), straight)
    assert (straight[1:] != straight[:-1]).any(axis=1).all(), "it learns in every segment"
