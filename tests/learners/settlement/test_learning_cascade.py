"""Settlement of the refund stage in the learner: fixed point, the stages kept apart, and the evidence that is found."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from learners.auxiliary import AUXILIARIES
from learners.batch import Batch
from learners.build import build_learner
from learners.history import History
from learners.materials import Materials
from learners.networks.mlp import MLP
from learners.objectives import OBJECTIVES
from learners.offsets import OFFSETS
from learners.pretrain import Pretraining
from learners.settlement.evidence.layout import DenseFields
from learners.settlement.evidence.progressive import progressive
from learners.start.cascade import CascadeRates
from simulator.calendar import Calendar, Promotion
from simulator.errors import ScenarioError
from simulator.learning import Clicks, Question
from simulator.units import DAY, HOUR
from tests.learners.ask import asked

R, LATE = 0.25, 0.10
"""Refund rate, and the share of pays that are refunded after their first delivery."""
RIGHT = float(np.log(LATE / R))
BACK, KEPT = np.inf, -np.inf


def slopes(samples, columns, weight, cvr, rfr):
    """Return the slopes of the cascade's loss in one shared logit of each stage, times the number of samples."""
    n = len(weight)
    batch = Batch(samples(n, **columns, weight=weight), dtype=torch.float64)
    leaves = [torch.tensor(z, dtype=torch.float64, requires_grad=True) for z in (cvr, rfr)]
    outputs = {"cvr": leaves[0].expand(n), "rfr": leaves[1].expand(n)}
    objective = OBJECTIVES["cascade"](conversion="settlement", refund="settlement")
    objective.loss(batch, outputs).backward()
    return [float(leaf.grad) * n for leaf in leaves]


def cell(*steps: float):
    """Exact counts of what the pays of one cell are fed, and two rows of the first stage among them."""
    rows = [(R - LATE, BACK, np.nan), (1 - R + LATE, steps[0], np.nan)]
    rows += [(1 - R + LATE, now, before) for before, now in pairwise(steps)]
    rows += [(LATE, BACK, steps[-1]), (1 - R, KEPT, steps[-1])]
    weight, now, before = (np.array(column) for column in zip(*rows, strict=True))
    pays = [(0.2, np.inf, np.nan), (0.8, -np.inf, np.nan)]
    stage = np.arange(len(rows) + 2) < len(rows)
    columns = {
        "refunded": np.where(stage, 0.5, np.nan),
        "converted": np.where(stage, np.nan, 0.5),
        "evidence": np.append(now, [e for _, e, _ in pays]),
        "previous_evidence": np.append(before, [b for _, _, b in pays]),
        "prior": np.nan,
    }
    return columns, np.append(weight, [w for w, _, _ in pays])


@pytest.mark.parametrize("steps", [(-3.0,), (0.0,), (RIGHT,), (KEPT,), (0.0, -0.5, 1.0)])
def test_the_fixed_point_of_each_stage_is_its_own_truth(steps, samples):
    columns, weight = cell(*steps)
    rfr = brentq(lambda z: slopes(samples, columns, weight, 0.0, z)[1], -6, 4, xtol=1e-12)
    cvr = brentq(lambda z: slopes(samples, columns, weight, z, 0.0)[0], -6, 4, xtol=1e-12)
    assert 1 / (1 + np.exp(-rfr)) == pytest.approx(R, abs=1e-9)
    assert 1 / (1 + np.exp(-cvr)) == pytest.approx(0.2, abs=1e-9)


def test_a_stage_does_not_hear_of_the_other(samples):
    columns, weight = cell(RIGHT)
    a, b = slopes(samples, columns, weight, -1.0, 0.3), slopes(samples, columns, weight, -1.0, 2.0)
    assert a[0] == b[0]
    assert a[1] != b[1]


@pytest.fixture
def materials(ground, small):
    def make(log=None, end=8 * DAY, calendar=None):
        history = History(log or ground.log, ground.windows, 0, end, calendar or Calendar())
        return Materials(history, 6 * HOUR, small, 5, ground.cache, lambda: None)

    return make


def ask(estimator, log, silent_hours, name="refund_evidence", count=3_000, **known):
    rows = np.flatnonzero(log.converted)[:count]
    clicks = Clicks(rows, log.time[rows], log.ids[rows])
    pay = log.time[rows] + log.delay[rows]
    journey = SimpleNamespace(
        first_pay_time=pay, carted=np.zeros(len(rows), bool), cart_time=np.full(len(rows), -1)
    )
    known = known or {"logit": np.full(len(rows), -1.0)}
    return estimator.answer(Question(name, clicks, pay + int(silent_hours * HOUR), journey, known))


def test_the_net_finds_how_soon_refunds_come(materials, fake_log):
    """Refunds come after 5 h on average: silence for e hours is e / 5 against one."""
    b = materials(fake_log(30_000))
    log = b.history.log
    estimator = AUXILIARIES["cascade-evidence"](skipped=0.3).prepare(b)
    for age in (2.0, 5.0, 10.0):
        found = ask(estimator, log, age)
        assert found["evidence"].mean() == pytest.approx(-age / 5, abs=0.25)
    np.testing.assert_array_equal(ask(estimator, log, 0.0)["evidence"], 0)
    again = {name: found[name] for name in ("network", "start")}
    known = {"logit": np.full(len(found["start"]), -1.0), **again}
    np.testing.assert_allclose(ask(estimator, log, age, **known)["evidence"], found["evidence"], atol=1e-6)
    # Asked for the evidence of pays it is the other net that answers, and that is the one of ``evidence``.
    pays = ask(estimator, log, 0.0, "evidence", logit=known["logit"])
    alone = ask(AUXILIARIES["evidence"](skipped=0.3).prepare(b), log, 0.0, "evidence", logit=known["logit"])
    assert set(pays) == set(alone)
    np.testing.assert_array_equal(pays["evidence"], alone["evidence"])


def test_progressive_logits_of_refunds_are_of_pays(materials, small):
    b = materials()
    log = b.history.log
    plan = Pretraining(CascadeRates(), MLP().completed(small), (), small, b.history, 5)
    found = progressive(plan, DenseFields(log.features, ()), skipped=0.0, most=10**6)
    history = log.converted & (log.time < 8 * DAY)
    assert len(found) == history.sum()
    order = np.argsort(found.click)
    pay = (log.time + log.delay)[history] / HOUR
    np.testing.assert_allclose(found.click[order], np.sort(pay), rtol=1e-6, atol=1e-4)
    assert np.isfinite(found.pay).sum() == (history & log.refunded).sum()
    back = log.refund_delay[history & log.refunded] / HOUR
    np.testing.assert_allclose(np.sort(found.pay[np.isfinite(found.pay)]), np.sort(back), rtol=1e-5)
    assert np.isinf(found.cart).all()
    assert abs(found.logit.mean() - np.log(0.3 / 0.7)) < 0.3


def test_the_offset_knows_whose_pays_come_back(materials, fake_log):
    """Of those who click on the day of the sale and pay, .7 send it back; of the others .3."""
    log = fake_log(30_000)
    during = (log.time >= 5 * DAY) & (log.time < 6 * DAY)
    log.refunded |= log.converted & during & (np.arange(len(during)) % 7 < 4)
    sale = Calendar((Promotion("sale", 5 * DAY, 6 * DAY),))
    offset = OFFSETS["cascade-calendar"]().prepare(materials(log, calendar=sale))
    rows = np.arange(len(log.time))[log.time < 8 * DAY]
    found = offset(Clicks(rows, log.time[rows], log.ids[rows]))
    assert set(found) == {"cvr", "rfr"}
    gain = found["rfr"][during[rows]].mean() - found["rfr"][~during[rows]].mean()
    assert gain == pytest.approx(np.log(0.7 / 0.3) - np.log(0.3 / 0.7), abs=0.35)
    none = OFFSETS["cascade-calendar"]().prepare(materials(log))
    np.testing.assert_array_equal(none(Clicks(rows, log.time[rows], log.ids[rows]))["rfr"], 0)


def test_the_refund_logit_is_told_to_the_net_without_the_offset(materials):
    b = materials()
    log = b.history.log
    plain = AUXILIARIES["cascade-evidence"](epochs=1, refund_epochs=1).prepare(b)._refunds
    moved = type(plain)(plain._net, plain._fields, lambda clicks: {"rfr": np.full(len(clicks), 0.7)})
    np.testing.assert_allclose(ask(plain, log, 3.0)["network"], -1.0)
    np.testing.assert_allclose(ask(moved, log, 3.0)["network"], -1.7)
    np.testing.assert_allclose(ask(moved, log, 3.0)["prior"], -1.0)


def test_without_history_it_says_nothing(materials):
    estimator = AUXILIARIES["cascade-evidence"]().prepare(materials(end=0))
    log = materials().history.log
    np.testing.assert_array_equal(ask(estimator, log, 30.0)["evidence"], 0)


@pytest.mark.parametrize("network", ["hybrid", "separate"])
def test_a_learner_learns_both_stages(network, one, ground, small, samples):
    quick = {"clicks": 500, "epochs": 1, "refund_epochs": 1, "hidden": (8,)}
    method = one.method(
        {
            "method": "posterior-settlement",
            "task": "netcvr",
            "network": network,
            "auxiliary": quick,
            "offset": "none",
        }
    )
    assert method.policy.kind == "cascade-settlement"
    learner = build_learner(method, **ground.arguments(learner=small))
    rows = samples(
        64, converted=np.tile([0.5, np.nan], 32), refunded=np.tile([np.nan, 0.5], 32),
        evidence=np.inf, previous_evidence=np.nan, prior=0.0, event_time=30 * HOUR, elapsed=20 * HOUR,
    )  # fmt: skip
    before = learner.predict(asked(ground.log.ids[:64]))
    for _ in range(5):
        learner.learn(replace(rows, features=ground.log.ids[:64]))
    learner.publish()
    after = learner.predict(asked(ground.log.ids[:64]))
    assert after["cvr"].mean() > before["cvr"].mean()
    assert after["rfr"].mean() > before["rfr"].mean()
    np.testing.assert_allclose(after["netcvr"], after["cvr"] * (1 - after["rfr"]))


def test_an_offset_of_both_stages_is_for_methods_of_both(resolved):
    assert resolved({"method": "tesla", "offset": "cascade-calendar"})[0].offset.heads == ("cvr", "rfr")
    with pytest.raises(
        ScenarioError, match=r"offset: 'cascade-calendar' moves cvr, rfr, .* allowed: calendar, none"
    ):
        resolved({"method": "es-dfm", "offset": "cascade-calendar"})
    with pytest.raises(
        ScenarioError, match=r"offset: 'calendar' moves cvr, but the method has gmv; allowed: none"
    ):
        resolved({"method": "online-single", "offset": "calendar"})
