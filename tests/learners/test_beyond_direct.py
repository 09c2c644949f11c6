"""Any method for the conversion rate serves what a coming sale will bring."""

import numpy as np
import pytest

from learners.auxiliary import AUXILIARIES
from learners.build import build_learner
from learners.heads import SMALLEST
from learners.kit.ground import (
    CALENDAR,
    HISTORY,
    KNOWN,
    OBSERVATION,
    WINDOWS,
    TrialLog,
    clicks_of,
    delivered,
    materials,
    resolved,
    trial_log,
)  # fmt: skip
from learners.serve import LINKS
from simulator.calendar import Calendar
from simulator.clock import Clock
from simulator.errors import ScenarioError
from simulator.log.memory import final_labels
from simulator.policies import policy_from
from simulator.units import DAY, Microseconds


def test_what_is_left_of_the_rate_is_delayed():
    link = LINKS.parse("beyond-direct", "serve")
    assert (link.heads, link.estimates) == (("cvr",), ("p_direct",))
    served = link.serve({"cvr": np.array([0.0, -9.0]), "p_direct": np.array([0.2, 0.2])})
    np.testing.assert_allclose(served["delayed"], [0.3, SMALLEST])
    np.testing.assert_array_equal(served["all"], served["cvr"])
    odds = LINKS.parse({"kind": "beyond-direct", "conversion": {"kind": "odds", "clip": 0.5}}, "serve")
    assert odds.serve({"cvr": np.array([3.0]), "p_direct": np.zeros(1)})["delayed"][0] == pytest.approx(0.5)
    assert odds.on_finals().conversion.kind == "probability"
    gated = LINKS.parse({"kind": "beyond-direct", "conversion": "gated"}, "serve")
    assert gated.tasks == ("cvr", "takes_part", "direct", "delayed", "all")
    both = {"gated": np.array([0.0]), "gate": np.array([2.0]), "p_direct": np.zeros(1)}
    assert tuple(gated.serve(both)) == gated.tasks
    assert gated.on_finals().tasks == link.tasks
    with pytest.raises(ScenarioError, match="serves gmv, and no cvr"):
        LINKS.parse({"kind": "beyond-direct", "conversion": "amount"}, "serve")


def test_direct_is_fitted_on_pays_of_the_local_day(tmp_path):
    log = trial_log()
    labels = final_labels(log.click_time, log.event, 0, WINDOWS)
    part = AUXILIARIES["direct"]()
    clicks, _ = next(iter(TrialLog(log, "kit").labelled(WINDOWS, 0, 20 * DAY)))
    same = labels.converted & (labels.first_pay // DAY == log.click_time // DAY)
    np.testing.assert_array_equal(part.targets(clicks, labels)["p_direct"], same)
    shanghai = part.on(Calendar((), Clock(zone="Asia/Shanghai")), 0)
    local = shanghai.calendar.clock.local
    elsewhere = labels.converted & (local(labels.first_pay) // DAY == local(log.click_time) // DAY)
    np.testing.assert_array_equal(shanghai.targets(clicks, labels)["p_direct"], elsewhere)
    assert (same != elsewhere).any()
    said = part.prepare(materials(tmp_path)).of_clicks(clicks_of(log))["p_direct"]
    known = log.click_time < HISTORY[1]
    assert said.mean() == pytest.approx(same[known].mean(), rel=0.3)


def test_two_auxiliaries_in_the_place_of_one(tmp_path):
    both = AUXILIARIES.parse("both", "auxiliary")
    assert both.estimates == ("p_dp", "p_rn", "p_direct")
    assert not both.peeks
    assert AUXILIARIES.parse({"kind": "both", "first": "oracle"}, "auxiliary").peeks
    policy = policy_from("elapsed-time", {"window": Microseconds(OBSERVATION)})
    pair = both.completed_for(policy, OBSERVATION).prepare(materials(tmp_path))
    samples = delivered(until=KNOWN)
    found = pair.of_samples(samples)
    for name, part in (("p_dp", "delay"), ("p_direct", "direct")):
        own = AUXILIARIES[part]().completed_for(policy, OBSERVATION).prepare(materials(tmp_path))
        np.testing.assert_array_equal(found[name], own.of_samples(samples)[name])
    assert set(pair.of_clicks(clicks_of(trial_log()))) == {"p_direct"}


@pytest.mark.parametrize(
    ("method", "auxiliary"),
    [
        ("waiting-window", "direct"),
        ("es-dfm", "both"),
        ("posterior-settlement", {"kind": "both", "first": "evidence"}),
    ],
)
def test_methods_serve_the_sale(method, auxiliary, tmp_path):
    whole = resolved(method=method, serve="beyond-direct", auxiliary=auxiliary)
    learner = build_learner(
        whole, log=TrialLog(trial_log(), "kit"), windows=WINDOWS, history=HISTORY, observation=OBSERVATION,
        learner=whole.learner, seed=1, cache=tmp_path, calendar=CALENDAR,
    )  # fmt: skip
    served = learner.predict(clicks_of(trial_log()))
    assert set(served) == {"cvr", "direct", "delayed", "all"}
    np.testing.assert_allclose(served["delayed"], np.maximum(served["cvr"] - served["direct"], SMALLEST))
    learner.load_state_dict(learner.state_dict())
