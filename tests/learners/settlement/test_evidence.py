"""The evidence net: continuous in time, nothing from later, progressive logits, and that it finds the true evidence."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from learners.auxiliary import AUXILIARIES
from learners.history import History
from learners.materials import Materials
from learners.networks.mlp import MLP
from learners.offsets import OFFSETS
from learners.pretrain import Pretraining
from learners.settlement.evidence.fit import evidence_net, moments, open_at
from learners.settlement.evidence.layout import DENSE, DenseFields, Layout, OpenClicks
from learners.settlement.evidence.progressive import KnownClicks, progressive
from learners.start.cvr import ConversionRate
from simulator.calendar import Calendar, Promotion
from simulator.errors import RunError
from simulator.learning import Clicks, Question
from simulator.log.schema import Feature
from simulator.randomness import generator
from simulator.units import DAY, HOUR

SALES = ((120.0, 144.0), (400.0, 448.0))
FULL = Layout(72.0, SALES, carts=True, fields=DENSE)


def open_clicks(n: int, now, rng, click=None) -> OpenClicks:
    click = now - rng.uniform(0, 72, n) if click is None else click
    now = np.broadcast_to(np.asarray(now, float), n)
    cart = np.where(rng.random(n) < 0.4, click + rng.random(n) * (now - click), np.inf)
    dense = rng.normal(0, 1, (n, len(FULL.fields))).astype(np.float32)
    return OpenClicks(click, now, cart, rng.normal(-3, 1, n), dense)


@pytest.mark.parametrize(
    "switch", [edge for sale in SALES for edge in sale] + [sale[0] - 72 for sale in SALES]
)
def test_nothing_jumps_at_a_known_instant(switch):
    """Whoever has neither carted nor paid between two close instants is believed the same at both."""
    rng = generator(1, "continuity")
    before = open_clicks(4_000, switch - 1e-5, rng, click=switch - rng.uniform(0.01, 71.9, 4_000))
    after = OpenClicks(before.click, before.now + 2e-5, before.cart, before.logit, before.dense)
    jump = np.abs(FULL.numbers(after) - FULL.numbers(before)).max(axis=1)
    assert dict(zip(FULL.names(), jump, strict=True)) == {
        name: pytest.approx(0, abs=3e-3) for name in FULL.names()
    }


def test_a_calendar_that_is_known_does_move_with_time():
    rng = generator(2, "moves")
    state = open_clicks(2_000, 130.0, rng)
    later = OpenClicks(state.click, state.now + 3, state.cart, state.logit, state.dense)
    moved = np.abs(FULL.numbers(later) - FULL.numbers(state)).max(axis=1) > 1e-3
    moving = {name for name, m in zip(FULL.names(), moved, strict=True) if m}
    assert {"before gone", "before rest 6", "during gone 6", "deal rest", "carted near rest 6"} <= moving
    assert not moving & {"logit", "before", "during", "before 33", "carted before", *DENSE}


def test_what_there_is_follows_carts_calendar_and_fields():
    bare = Layout(72.0, (), carts=False)
    assert not [n for n in bare.names() if "cart" in n or "before" in n or "deal" in n]
    assert len(FULL.names()) == len(set(FULL.names()))
    no_carts = Layout(72.0, SALES, carts=False, fields=DENSE).names()
    assert not [name for name in no_carts if "cart" in name]
    assert "before rest" in no_carts


def test_the_relevant_sale_is_the_first_that_is_not_forgotten():
    clicks = np.array([0.0, 100.0, 239.9, 240.1, 447.0, 600.0])
    opening, _ = FULL._relevant(clicks)
    np.testing.assert_array_equal(opening, [120, 120, 120, 400, 400, 1e9])


def known(n=3_000, seed=3) -> KnownClicks:
    rng = generator(seed, "known")
    pay = np.where(rng.random(n) < 0.4, rng.exponential(10, n), np.inf)
    pay[pay > 72] = np.inf
    cart = np.where(rng.random(n) < 0.5, rng.uniform(0, 72, n), np.inf)
    return KnownClicks(rng.uniform(0, 240, n), pay, cart, np.full(n, -0.4), np.empty((n, 0), np.float32))


def test_examples_are_open_and_know_nothing_later():
    clicks = known()
    place, now = moments(clicks, Layout(72.0, SALES), 0.24, generator(1, "m"))
    age = now - clicks.click[place]
    assert ((age >= 0) & (age < 72) & (age < clicks.pay[place])).all()
    assert np.count_nonzero(age == 0) == len(clicks)
    state = open_at(clicks, place, now)
    seen = np.isfinite(state.cart)
    assert (state.cart[seen] <= state.now[seen]).all()
    np.testing.assert_array_equal(seen, clicks.cart[place] <= age)
    near = (clicks.click > 120 - 95) & (clicks.click < 144)
    per_click = np.bincount(place, minlength=len(clicks))
    unpaid = ~np.isfinite(clicks.pay)
    assert per_click[near & unpaid].mean() > per_click[~near & unpaid].mean() + 1.5


def test_dense_fields_are_read_as_scores():
    fields = DenseFields((Feature("a", 4), Feature("deal_depth", 16)), ("deal_depth",))
    scores = fields(np.array([[1, 0], [3, 8], [0, 15]], np.int32))
    assert scores.shape == (3, 1)
    assert scores[0, 0] < -1.8
    assert scores[2, 0] == -scores[0, 0]
    assert 0 < scores[1, 0] < 0.1


@pytest.fixture
def materials(ground, small):
    def make(calendar=None, log=None, end=8 * DAY, cache=None):
        history = History(log or ground.log, ground.windows, 0, end, calendar or Calendar())
        return Materials(history, 6 * HOUR, small, 5, cache or ground.cache, lambda: None)

    return make


def plan_of(materials):
    return Pretraining(
        ConversionRate(), MLP().completed(materials.learner), (), materials.learner, materials.history, 5
    )


def test_progressive_logits_do_not_know_their_own_label(materials, fake_log):
    """On labels that nothing explains a model that has seen them still ranks them; a progressive one cannot."""
    log = fake_log()
    log.ids[:, 1] = np.arange(len(log.ids)) % 200
    log.converted = generator(4, "coin").random(len(log.ids)) < 0.3
    plan = plan_of(materials(log=log))
    clicks = progressive(plan, DenseFields(log.features, ()), skipped=0.0, most=10**6)
    assert roc_auc_score(np.isfinite(clicks.pay), clicks.logit) == pytest.approx(0.5, abs=0.02)
    assert len(clicks) == np.count_nonzero(log.time < 8 * DAY)


def test_progressive_logits_rank_what_can_be_known(materials):
    plan = plan_of(materials())
    fields = DenseFields(plan.history.log.features, ("segment",))
    clicks = progressive(plan, fields, skipped=0.5, most=10**6)
    assert roc_auc_score(np.isfinite(clicks.pay), clicks.logit) > 0.6
    few = progressive(plan, fields, skipped=0.5, most=100)
    assert len(few) == 100
    assert few.dense.shape == (100, 1)
    log = plan.history.log
    place = np.searchsorted(log.time, np.round(clicks.click * HOUR))
    place = np.where(
        np.abs(log.time[place] - clicks.click * HOUR) < np.abs(log.time[place - 1] - clicks.click * HOUR),
        place,
        place - 1,
    )
    np.testing.assert_allclose(
        clicks.pay[np.isfinite(clicks.pay)],
        (log.delay / HOUR)[place][np.isfinite(clicks.pay)],
        rtol=1e-4,
        atol=1e-4,
    )


def ask(net_or_estimator, log, age_hours, count=2_000):
    rows = np.arange(count)
    clicks = Clicks(rows, log.time[rows], log.ids[rows])
    nobody = SimpleNamespace(carted=np.zeros(count, bool), cart_time=np.full(count, -1))
    now = clicks.time + int(age_hours * HOUR)
    return net_or_estimator.answer(Question("evidence", clicks, now, nobody, {"logit": np.full(count, -1.0)}))


def test_the_net_finds_exponential_silence(materials, fake_log):
    """Delays of 10 h on average: silence for e hours is e / 10 against a pay."""
    b = materials(log=fake_log(40_000))
    estimator = AUXILIARIES.find("evidence")(skipped=0.5).prepare(b)
    for age in (6.0, 12.0, 18.0):  # the observation window is 6 h
        found = ask(estimator, b.history.log, age)
        assert found["evidence"].mean() == pytest.approx(-age / 10, abs=0.2)
    np.testing.assert_array_equal(ask(estimator, b.history.log, 0.0)["evidence"], 0)
    np.testing.assert_array_equal(found["network"], -1)


def test_a_net_is_fitted_once_and_shared_with_the_offset(materials, ground, tmp_path):
    sale = Calendar((Promotion("sale", 5 * DAY, 6 * DAY),))
    b = materials(sale)
    evidence = AUXILIARIES.find("evidence")()
    first = ask(evidence.prepare(b), ground.log, 3.0)["evidence"]
    reads = ground.log.reads
    offset = OFFSETS.find("calendar")().prepare(b)
    again = ask(evidence.prepare(b), ground.log, 3.0)["evidence"]
    assert ground.log.reads == reads
    np.testing.assert_array_equal(again, first)
    fresh = ask(evidence.prepare(materials(sale, cache=tmp_path / "other")), ground.log, 3.0)["evidence"]
    np.testing.assert_array_equal(fresh, first)
    clicks = Clicks(np.arange(100), ground.log.time[:100], ground.log.ids[:100])
    assert np.abs(offset(clicks)["cvr"]).max() > 0


def test_without_a_sale_in_the_history_nothing_is_said_of_one(materials, ground):
    to_come = Calendar((Promotion("sale", 9 * DAY, 10 * DAY),))
    net = evidence_net(OFFSETS.find("calendar")(), materials(to_come))
    assert net.layout.sales == ()
    offset = OFFSETS.find("calendar")().prepare(materials(to_come))
    clicks = Clicks(np.arange(100), ground.log.time[:100] + 9 * DAY, ground.log.ids[:100])
    np.testing.assert_array_equal(offset(clicks)["cvr"], 0)
    switched_off = OFFSETS.find("calendar")(calendar=False)
    seen = Calendar((Promotion("sale", 5 * DAY, 6 * DAY),))
    assert evidence_net(switched_off, materials(seen)).layout.sales == ()


def test_without_history_it_says_nothing(materials, ground):
    estimator = AUXILIARIES.find("evidence")().prepare(materials(end=0))
    np.testing.assert_array_equal(ask(estimator, ground.log, 30.0)["evidence"], 0)


def test_the_offset_of_the_method_is_taken_off_before_the_net_is_asked(materials, ground):
    b = materials()
    plain = AUXILIARIES.find("evidence")().prepare(b)
    moved = type(plain)(plain._net, plain._fields, lambda clicks: {"cvr": np.full(len(clicks.row), 0.7)})
    found = ask(moved, ground.log, 3.0)
    np.testing.assert_allclose(found["network"], -1.7)
    rows = np.arange(5)
    clicks = Clicks(rows, ground.log.time[rows], ground.log.ids[rows])
    nobody = SimpleNamespace(carted=np.zeros(5, bool), cart_time=np.full(5, -1))
    known_before = {"logit": np.full(5, -1.0), "network": found["network"][:5], "start": found["start"][:5]}
    again = moved.answer(Question("evidence", clicks, clicks.time + 3 * HOUR, nobody, known_before))
    np.testing.assert_allclose(again["evidence"], found["evidence"][:5], atol=1e-6)


def test_a_field_that_is_not_there_is_told(materials):
    with pytest.raises(RunError, match=r"unknown feature 'segmnt'.*Did you mean 'segment'"):
        AUXILIARIES.find("evidence")(fields=("segmnt",)).prepare(materials())


def test_a_frozen_prior_is_that_of_the_start(materials, ground):
    rng = generator(3, "start")
    logits = rng.normal(-2, 1, len(ground.log.ids))
    start = SimpleNamespace(outputs=lambda features: {"cvr": logits[: len(features)]})
    plain = AUXILIARIES.find("evidence")().prepare(materials())
    offset = lambda clicks: {"cvr": np.full(len(clicks.row), 0.7)}  # noqa: E731 - one line that is used once
    found = ask(type(plain)(plain._net, plain._fields, offset, start), ground.log, 3.0)
    np.testing.assert_allclose(found["prior"], logits[:2_000] + 0.7)
    np.testing.assert_allclose(found["network"], logits[:2_000])
    np.testing.assert_array_equal(ask(plain, ground.log, 3.0)["prior"], -1.0)
