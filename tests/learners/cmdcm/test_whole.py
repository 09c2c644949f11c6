"""CM-DCM as a method: rehearsed on past promotions, served, and resumed to the bit."""

import numpy as np
import pytest

from learners.build import build_learner
from learners.finals import Finals
from learners.history import History
from learners.kit.ground import (
    CALENDAR,
    HISTORY,
    OBSERVATION,
    WINDOWS,
    TrialLog,
    clicks_of,
    resolved,
    trial_log,
)
from learners.start import RECIPES
from simulator.calendar import Calendar
from simulator.engine import Engine
from simulator.errors import RunError, ScenarioError
from simulator.log.memory import final_labels
from simulator.policies import policy_from
from simulator.prepromotion import PrePromotion
from simulator.units import DAY

OUTCOMES = ("direct", "delayed", "same_day_cart")


def built(method, cache, calendar=CALENDAR):
    return build_learner(
        method, log=TrialLog(trial_log(), "kit"), windows=WINDOWS, history=HISTORY, observation=OBSERVATION,
        learner=method.learner, seed=1, cache=cache, calendar=calendar,
    )  # fmt: skip


def test_the_everyday_model_learns_of_ordinary_days_alone():
    log = trial_log()
    clicks, labels = next(iter(TrialLog(log, "kit").labelled(WINDOWS, 0, 8 * DAY)))
    found = RECIPES["everyday"]().on(CALENDAR, HISTORY[1]).targets(clicks, labels)
    sale = (clicks.time >= DAY) & (clicks.time < 3 * DAY)
    for head, first in (("direct", labels.first_pay), ("cart", labels.first_cart)):
        same = (first >= 0) & (first // DAY == clicks.time // DAY)
        np.testing.assert_array_equal(found[head], np.where(sale, np.nan, same))


def test_the_history_says_what_the_policy_would_have_delivered():
    log = trial_log()
    engine = Engine(
        log, WINDOWS, {"p": policy_from("pre-promotion")}, start=0, calendar=CALENDAR, features=True
    )
    delivered = engine.advance(9 * DAY).samples["p"]
    history = History(TrialLog(log, "kit"), WINDOWS, *HISTORY, CALENDAR)
    (known,) = Finals(history, OUTCOMES).samples()
    order = np.argsort(delivered.row)
    np.testing.assert_array_equal(known.row, delivered.row[order])
    for name in OUTCOMES:
        np.testing.assert_array_equal(known.column(name), delivered.column(name)[order])


@pytest.mark.parametrize("method", ["cm-dcm", "cm-dcm-tau", "cm-dcm-mix"])
def test_past_promotions_teach_the_tower_and_a_run_goes_on_to_the_bit(method, tmp_path):
    whole = resolved(method=method, start={"epochs": 30})
    learner, clicks = built(whole, tmp_path), clicks_of(trial_log())
    bare = built(resolved(method=method, start={"epochs": 0}), tmp_path)
    rate = bare.predict(clicks)["delayed"]
    assert np.ptp(rate) < 0.02 * rate.mean(), "without history the tower knows nothing of a click"
    served = learner.predict(clicks)
    assert np.ptp(served["delayed"]) > 1e-3
    np.testing.assert_array_equal(served["direct"], bare.predict(clicks)["direct"])
    engine = Engine(trial_log(), WINDOWS, {"p": whole.policy}, start=0, calendar=CALENDAR, features=True)
    samples = engine.advance(8 * DAY).samples["p"]
    learner.learn(samples[:150])
    learner.publish()
    again = built(whole, tmp_path)
    again.load_state_dict(learner.state_dict())
    for one in (learner, again):
        one.learn(samples[150:])
        one.publish()
    for task, values in learner.predict(clicks).items():
        np.testing.assert_array_equal(values, again.predict(clicks)[task])


def test_the_tower_starts_at_the_rate_of_the_history(tmp_path):
    log = trial_log()
    whole = resolved(method="cm-dcm", start={"epochs": 1}, objective={"causal": "none"}, auxiliary="none")
    labels = final_labels(log.click_time, log.event, 0, WINDOWS)
    windows = PrePromotion(CALENDAR)
    inside = windows.inside(log.click_time)
    delayed = windows.delayed(log.click_time, labels.first_pay)[inside].mean()
    served = built(whole, tmp_path).predict(clicks_of(log))["delayed"]
    assert served.mean() == pytest.approx(delayed, rel=0.1)
    with pytest.raises(RunError, match=r"no click .* has a final label of direct or delayed"):
        built(whole, tmp_path, Calendar())


def test_switches(tmp_path):
    plain = resolved(method="cm-dcm", objective={"causal": "none"}, auxiliary="none", network={"gate": False})
    assert built(plain, tmp_path).tasks == ("direct", "delayed", "all")
    ips = resolved(method="cm-dcm", auxiliary={"by": "ips"}, objective={"weight_all": 0})
    assert np.isfinite(built(ips, tmp_path).predict(clicks_of(trial_log()))["all"]).all()
    with pytest.raises(ScenarioError, match="needs p_delayed_if_cart, p_delayed_if_none of the truth"):
        built(resolved(method="cm-dcm", auxiliary="true-cart-effect"), tmp_path)
    with pytest.raises(
        RunError, match=r"0 clicks .* lie in the pre-promotion window.*Lengthen \[stream\] history"
    ):
        built(resolved(method="cm-dcm"), tmp_path, Calendar())
