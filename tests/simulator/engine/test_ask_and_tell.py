"""A policy asks what it declares, at segment ends, and tells where it says so; everything else is its mistake."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.engine import Engine
from simulator.errors import PolicyError
from simulator.log.memory import random_log
from simulator.policies import Policy
from simulator.randomness import generator
from simulator.units import DAY
from simulator.windows import Windows

WINDOWS = Windows(2 * DAY, DAY)
LOG = random_log(generator(1, "log"), 200, WINDOWS, days=3)


class Model:
    """Keeps what it is asked and told."""

    def __init__(self):
        self.asked, self.told = [], []

    def ask(self, question):
        self.asked.append(question)
        return {"value": np.arange(len(question.clicks), dtype=float)}

    def tell(self, clicks, now, known):
        self.told.append((clicks, now, known))


def run(policy, *, segment_end=True):
    model = Model()
    engine = Engine(LOG, WINDOWS, {"p": policy}, start=0, advisors={"p": model})
    engine.advance(DAY, segment_end=segment_end)
    return model


def test_what_is_asked_comes_with_the_journeys_as_of_now():
    class Asks(Policy):
        asks = ("value",)

        def on_segment(self, at, out):
            paid = at[at.journey.paid]
            found = paid.ask("value", doubled=2.0 * paid.click_id)
            np.testing.assert_array_equal(found["value"], np.arange(len(paid)))

    (question,) = run(Asks()).asked
    assert question.name == "value"
    assert (question.now == DAY - 1).all()
    assert question.journey.paid.all()
    np.testing.assert_array_equal(question.known["doubled"], 2.0 * LOG.click_id[question.clicks.row])
    np.testing.assert_array_equal(question.clicks.time, LOG.click_time[question.clicks.row])


def test_what_is_told_stays_as_it_was_told():
    class Tells(Policy):
        tells = True
        own = {"seen": ("float64", 1.0)}

        def on_segment(self, at, out):
            at.tell(seen=at.own["seen"])
            at.own["seen"] = 2.0

    ((clicks, now, known),) = run(Tells()).told
    assert (known["seen"] == 1.0).all()
    assert len(clicks) == len(now) == len(known["seen"]) == np.count_nonzero(LOG.click_time < DAY)


def failing(hook, act, **declared):
    return type("Failing", (Policy,), {hook: lambda self, at, out: act(at), **declared})()


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (failing("on_segment", lambda at: at.ask("valeu"), asks=("value",)),
         r"at.ask: unknown question 'valeu'; allowed: value. Did you mean 'value'\?"),
        (failing("on_segment", lambda at: at.ask("value")), "unknown question 'value'; allowed: none"),
        (failing("on_segment", lambda at: at.tell()), "at.tell is for a policy that declares tells = True"),
        (failing("on_click", lambda at: at.ask("value"), asks=("value",)), "are for on_segment"),
        (failing("on_click", lambda at: at.tell(), tells=True), "are for on_segment"),
    ],
)  # fmt: skip
def test_what_is_not_declared_is_not_answered(policy, told):
    with pytest.raises(PolicyError, match=told):
        run(policy)


def test_the_engines_own_things_are_private():
    seen = []
    run(failing("on_click", lambda at: seen.extend(name for name in dir(at) if not name.startswith("_"))))
    assert "scene" not in seen
    assert {"ask", "tell", "journey", "own"} <= set(seen)
