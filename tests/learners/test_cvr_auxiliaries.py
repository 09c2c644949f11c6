"""The auxiliaries of FSIW, MISS and FNW, and the truth in the place of any: what they say, and when they refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from learners.build import build_learner
from learners.catalog import METHODS
from simulator.errors import ScenarioError
from simulator.learning import Clicks
from simulator.units import DAY, HOUR, MINUTE
from tests.learners.ask import asked

MEAN = 10 * HOUR
"""Delays of the fake log are exponential with this mean, cut off at three days."""


def learner_of(method, ground, small, **other):
    return build_learner(method, **ground.arguments(learner=small, **other))


def test_feedback_shift_knows_the_age_of_a_click(fake_log, one, small, ground, samples):
    log = fake_log(60_000)
    method = one.method("fsiw", windows={"observation": "1h"})
    patient = small.model_copy(update={"pretrain_epochs": 3})
    estimator = learner_of(method, ground, patient, log=log)._estimator
    for age in (HOUR, 4 * HOUR, 16 * HOUR):
        found = estimator.of_samples(samples(len(log.ids), elapsed=age, features=log.ids))
        seen = -np.expm1(-age / MEAN)
        never = (1 - log.p) / (1 - log.p * seen)
        assert found["p_observed"].mean() == pytest.approx(seen, abs=0.02 if age == HOUR else 0.05), age
        assert found["p_never"].mean() == pytest.approx(never.mean(), rel=0.05), age
        assert np.corrcoef(found["p_never"], never)[0, 1] > 0.8


def test_late_shares_are_counted(fake_log, one, small, ground, samples):
    method = one.method(
        {"method": "miss", "objective": {"alpha": 0.5}, "auxiliary": "late-shares"},
        windows={"observation": "6h"},
    )
    log = fake_log(30_000)
    found = learner_of(method, ground, small, log=log)._estimator.of_samples(samples(2, features=log.ids[:2]))
    for name, window in (("late_half", 3), ("late_two_thirds", 4), ("late_whole", 6)):
        assert found[name] == pytest.approx(np.exp(-window / 10), abs=0.02)
        assert len(found[name]) == 2


def test_the_initial_model_stays_as_it_was(one, small, ground, samples):
    method = one.method({"method": "fnw", "fidelity": "reference"})
    learner = learner_of(method, ground, small)
    log = ground.log
    before = learner.predict(asked(log.ids))["cvr"]
    for part in np.array_split(np.arange(4_000), 20):
        learner.learn(samples(len(part), converted=1.0, features=log.ids[part]))
    learner.publish()
    np.testing.assert_allclose(
        learner._estimator.of_samples(samples(len(log.ids), features=log.ids))["q_cvr"], before, atol=1e-6
    )
    assert (learner.predict(asked(log.ids))["cvr"] > before).mean() > 0.9


COLUMNS = ("p_pay", "p_pay_observed", "p_refund", "p_refund_observed")


class TrueLog:
    """A log whose truth is a function of the row, read in small batches; times are minutes."""

    def __init__(self, inner, truth=COLUMNS, windows=None):
        made = {} if windows is None else {"windows": windows}
        self.features, self.ids = inner.features, inner.ids
        self.labelled = inner.labelled
        self.meta = replace(inner.meta, truth=truth, provenance=made)
        self.read = 0

    def truth(self, start, end=None):
        for row in range(-(-start // MINUTE), 100_000, 500):
            rows = np.arange(row, row + 500)
            self.read += 1
            refund = {"p_refund": pay(rows), "p_refund_observed": 0.2 * pay(rows)}
            yield row, {"p_pay": pay(rows), "p_pay_observed": 0.4 * pay(rows), **refund}


def pay(row):
    return 0.01 + row % 97 / 200


@pytest.fixture
def true_learner(one, small, ground):
    def make(log=None, observation="6h"):
        method = one.method(
            {"method": "es-dfm", "auxiliary": "oracle"},
            windows={"observation": observation, "attribution": "1d"},
        )
        windows = type(ground.windows)(DAY, 0)
        return learner_of(
            method, ground, small, log=log or TrueLog(ground.log), windows=windows, history=(0, 0)
        )

    return make


def test_the_truth_is_found_by_row_and_forgotten_in_time(true_learner, samples):
    learner = true_learner()
    estimator, rng = learner._estimator, np.random.default_rng(2)
    now = 3 * DAY
    while now < 60 * DAY:
        rows = rng.integers(max(0, now - DAY) // MINUTE, now // MINUTE, 64)
        batch = samples(64, row=rows, event_time=now, elapsed=now - rows * MINUTE)
        found = estimator.of_samples(batch)
        p, seen = pay(rows), 0.4 * pay(rows)
        np.testing.assert_allclose(found["p_dp"], p - seen)
        np.testing.assert_allclose(found["p_rn"], (1 - p) / (1 - seen))
        ahead = np.arange(now // MINUTE, now // MINUTE + 50)
        served = estimator.of_clicks(Clicks(ahead, ahead * MINUTE, np.empty((50, 0), np.int32)))
        np.testing.assert_allclose(served["p_dp"], 0.6 * pay(ahead))
        assert estimator._held.stop - estimator._held.start < 4 * DAY // MINUTE, (
            "the truth of closed journeys is not kept"
        )
        now += 5 * HOUR


def test_a_log_without_truth_or_with_another_window_is_refused(true_learner, ground):
    with pytest.raises(
        ScenarioError, match=r"needs p_pay, p_pay_observed, .* of the truth, .*only the log of a generated"
    ):
        true_learner(TrueLog(ground.log, truth=("hidden",)))
    told = {"attribution": "1d", "refund": "0s", "observation": "6h"}
    true_learner(TrueLog(ground.log, windows=told))
    with pytest.raises(ScenarioError, match=r'window of 6h, .*15m only; .*observation = "6h"'):
        true_learner(TrueLog(ground.log, windows={**told, "observation": "15m"}))
    with pytest.raises(ScenarioError, match=r'is for \[windows\] attribution = "3d", not "1d"'):
        true_learner(TrueLog(ground.log, windows={**told, "attribution": "3d"}))


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        (
            {"method": "fsiw"},
            ["method[0].auxiliary", "p_observed, p_never", "'oracle' gives", "feedback-shift"],
        ),
        ({"method": "dfm"}, ["method[0].auxiliary", "'dfm' asks for no estimates", 'allowed: "none"']),
        ({"method": "fnw"}, ["method[0].auxiliary", "'fnw' asks for no estimates"]),
        (
            {"method": "es-dfm", "policy": {"window": "2h"}},
            [
                "method[0].auxiliary",
                "a window of 2h",
                "its observation window of 14.4m",
                'observation = "2h"',
            ],
        ),
    ],
)
def test_the_truth_is_refused_where_it_does_not_speak(table, parts, resolved):
    with pytest.raises(ScenarioError) as caught:
        resolved({**table, "auxiliary": "oracle"})
    message = "\n".join(caught.value.faults)
    for part in parts:
        assert part in message


@pytest.mark.parametrize("name", ["es-dfm", "defer", "defuse", "ddfm"])
def test_a_method_that_is_told_the_truth_says_so(name, resolved):
    told, own = resolved({"method": name, "name": "told", "auxiliary": "oracle"}, name)
    assert told.peeks
    assert not own.peeks


def test_reference_variants_change_only_what_the_public_code_changes(resolved):
    for name in ("fnc", "fnw", "defer", "defuse", "bi-defuse", "ddfm", "dfsn", "dfm"):
        paper, public = resolved(
            {"method": name}, {"method": name, "name": "public", "fidelity": "reference"}
        )
        one, other = ({k: p and p.spec() for k, p in m.parts().items()} for m in (paper, public))
        changed = {part for part in one if one[part] != other[part]}
        assert changed == ({"objective", "auxiliary"} if name == "fnw" else changed)
        assert changed
        assert changed <= set(METHODS[name].reference)
