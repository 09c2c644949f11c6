"""Delays that come in atoms (dates alone: 0, 1, 2, ... days): found in the history, and what silence at them says."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from learners.auxiliary import AUXILIARIES
from learners.history import History
from learners.materials import Materials
from learners.settlement.evidence.atoms import NO_ATOMS, Atoms, atoms_of
from learners.settlement.evidence.fit import evidence_net, moments, open_at
from learners.settlement.evidence.layout import Layout, OpenClicks
from learners.settlement.evidence.parameters import NetParameters
from learners.settlement.evidence.progressive import KnownClicks
from learners.settlement.evidence.uncertain import moved
from simulator.calendar import Calendar, Promotion
from simulator.learning import Clicks, Question
from simulator.randomness import generator
from simulator.units import DAY, HOUR, SECOND
from simulator.windows import Windows

SHARES = np.array([0.36, 0.26, 0.2, 0.18])
"""Of the pays, after 0, 1, 2 and 3 days."""
JUST_BEFORE = 1 / HOUR
"""A microsecond in hours: a segment ends so long before the next begins."""


def in_days(n: int, seed: int = 1) -> np.ndarray:
    return generator(seed, "days").choice(len(SHARES), n, p=SHARES).astype(np.int64) * DAY


def test_atoms_are_the_delays_that_many_share():
    atoms = Atoms.of(in_days(20_000))
    np.testing.assert_array_equal(atoms.delay, [0, 24, 48, 72])
    left = 1 - np.cumsum(SHARES)
    np.testing.assert_allclose(np.exp(atoms.survival[:3]), left[:3], atol=0.01)
    assert -np.inf < atoms.survival[3] < np.log(1e-3)  # nobody was seen to pay later


def test_a_log_whose_delays_are_continuous_has_none():
    rng = generator(2, "continuous")
    assert not len(Atoms.of(rng.exponential(10 * HOUR, 20_000).astype(np.int64)).delay)
    seconds = (rng.exponential(3_600, 20_000) + 20).astype(np.int64) * SECOND  # some equal by chance
    assert not len(Atoms.of(seconds).delay)
    assert not len(Atoms.of(np.full(9, DAY)).delay)  # too few to tell
    assert not len(Atoms.of(np.empty(0, np.int64)).delay)


def test_of_a_mixture_the_atoms_alone_are_taken():
    """Half of the pays come at the instant of the click, a quarter of the others after a day, the rest at any time."""
    rng = generator(3, "mixture")
    n = 40_000
    smooth = rng.exponential(20 * HOUR, n).astype(np.int64)
    delays = np.where(rng.random(n) < 0.5, 0, np.where(rng.random(n) < 0.25, DAY, smooth))
    atoms = Atoms.of(delays)
    np.testing.assert_array_equal(atoms.delay, [0, 24])
    at_a_day = 0.25 / (0.25 + 0.75 * np.exp(-24 / 20))  # of those who are left then
    np.testing.assert_allclose(np.exp(atoms.survival), [0.5, 0.5 * (1 - at_a_day)], atol=0.01)


def test_silence_falls_at_the_atom_and_nowhere_else():
    atoms = Atoms.of(in_days(20_000))
    ages = np.array([0, JUST_BEFORE, 24 - JUST_BEFORE, 24, 30, 48 - JUST_BEFORE, 48])
    first, second, third = atoms.survival[:3]
    np.testing.assert_array_equal(atoms.log_survival(ages), [0, first, first, second, second, second, third])
    far = 24 * 10_000.0  # ages are differences of times, which are rounded
    for hours, said in ((24 - JUST_BEFORE, first), (24, second)):
        assert atoms.log_survival(np.array([(far + hours) - far]))[0] == said
    np.testing.assert_array_equal(NO_ATOMS.log_survival(ages), 0)


def known(n: int = 400) -> KnownClicks:
    pay = np.where(np.arange(n) % 2 == 0, 0.0, np.inf)
    cart = np.where(np.arange(n) % 4 == 0, 0.0, 30.0)
    return KnownClicks(np.arange(n) * 24.0, pay, cart, np.zeros(n), np.empty((n, 0), np.float32))


def test_at_the_click_all_are_asked_also_those_who_pay_at_once():
    """Who pays or carts at the instant of the click has not done so before it: the prior is that of all."""
    clicks = known()
    place, now = moments(clicks, Layout(72.0), 1.0, generator(1, "m"))
    at_once = now == clicks.click[place]
    np.testing.assert_array_equal(np.sort(place[at_once]), np.arange(len(clicks)))
    assert not np.isfinite(open_at(clicks, place[at_once], now[at_once]).cart).any()
    later = place[~at_once]
    assert not np.isfinite(clicks.pay[later]).any()
    carted = np.isfinite(open_at(clicks, later, now[~at_once]).cart)
    assert carted[clicks.cart[later] == 0].all()


@pytest.fixture
def dated(fake_log, small, tmp_path):
    """A log whose pays and refunds come after whole days."""
    log = fake_log(10_000)
    log.delay, log.refund_delay = in_days(len(log.time)), in_days(len(log.time), 2)
    log.converted = generator(5, "rate").random(len(log.time)) < 0.2
    log.refunded = log.converted & (generator(6, "rate").random(len(log.time)) < 0.4)
    history = History(log, Windows(attribution=4 * DAY, refund=4 * DAY), 0, 8 * DAY)
    return Materials(history, 6 * HOUR, small, 5, tmp_path, lambda: None)


def evidence(materials, estimator, hours: float, count: int = 2_000) -> float:
    log, rows = materials.history.log, np.arange(count)
    clicks = Clicks(rows, log.time[rows], log.ids[rows])
    nobody = SimpleNamespace(carted=np.zeros(count, bool), cart_time=np.full(count, -1))
    now = clicks.time + round(hours * HOUR)
    known = {"logit": np.full(count, np.log(0.2 / 0.8))}
    return estimator.answer(Question("evidence", clicks, now, nobody, known))["evidence"].mean()


def test_the_evidence_of_dates_is_that_of_the_atoms_passed(dated):
    """Asked a microsecond before the next date, where a smooth curve is half down the step: off by a factor of two."""
    estimator = AUXILIARIES.find("evidence")().prepare(dated)
    left = 1 - np.cumsum(SHARES)
    for day in range(3):
        for hours in (24 * day + JUST_BEFORE, 24 * (day + 1) - JUST_BEFORE):
            assert evidence(dated, estimator, hours) == pytest.approx(np.log(left[day]), abs=0.15), hours
    assert evidence(dated, estimator, 0) == 0


def test_the_refund_stage_has_atoms_of_its_own(dated):
    log = dated.history.log
    log.delay = generator(7, "smooth").exponential(10 * HOUR, len(log.time)).astype(np.int64)
    assert not len(atoms_of(dated.history).delay)
    np.testing.assert_array_equal(atoms_of(dated.history, of_refunds=True).delay, [0, 24, 48, 72])
    assert not len(evidence_net(NetParameters(), dated).atoms.delay)
    assert len(evidence_net(NetParameters(), dated, "refund").atoms.delay) == 4
    # At the click of a pay no time has passed: there is no silence to weigh.
    assert not len(evidence_net(NetParameters(), dated, "refund at click").atoms.delay)


def test_atoms_are_kept_with_the_net_and_go_where_it_goes(dated):
    net = evidence_net(NetParameters(), dated)
    assert len(net.atoms.delay) == 4
    reads = dated.history.log.reads
    again = evidence_net(NetParameters(), dated)
    assert dated.history.log.reads == reads  # loaded, not fitted again
    np.testing.assert_array_equal(again.atoms.survival, net.atoms.survival)
    none = np.full(3, np.inf)
    state = OpenClicks(
        np.zeros(3), np.array([0, 20.0, 50.0]), none, np.zeros(3), np.empty((3, 0), np.float32)
    )
    np.testing.assert_array_equal(moved(net, 0, 5.0).shift(state), net.shift(state))
    np.testing.assert_array_equal(again.shift(state), net.shift(state))


def as_of(atoms: Atoms, *ages: float) -> list[float]:
    n = len(ages)
    nothing = np.empty((n, 0), np.float32)
    state = OpenClicks(np.full(n, 240.0), 240 + np.array(ages), np.full(n, np.inf), np.zeros(n), nothing)
    return atoms.as_of(state).age.tolist()


def test_between_two_dates_nothing_moves():
    """Asked just before the date of a sale, a click must look as on the day before, and on that date as in the sale."""
    atoms = Atoms.of(in_days(20_000))
    assert as_of(atoms, 0, JUST_BEFORE, 23.9, 24 - JUST_BEFORE, 24, 48 - JUST_BEFORE) == [
        0,
        12,
        12,
        12,
        36,
        36,
    ]
    assert as_of(atoms, 72, 80.5) == [72, 80.5]  # beyond the last
    late = Atoms.of(in_days(20_000) + DAY)
    assert as_of(late, 1, 24) == [12, 36]  # before the first
    rng = generator(4, "half")
    half = np.where(rng.random(20_000) < 0.5, in_days(20_000), rng.exponential(DAY, 20_000).astype(np.int64))
    for moving in (Atoms.of(half), NO_ATOMS):  # much happens at other times
        assert as_of(moving, 0, 3.5, 24 - JUST_BEFORE) == pytest.approx([0, 3.5, 24 - JUST_BEFORE], abs=1e-12)


def test_a_sale_by_dates_opens_at_its_date(dated):
    """Those who wait for a sale are still waiting a microsecond before its date, and no more after it."""
    log = dated.history.log
    opening = 5 * DAY
    log.time -= log.time % DAY  # clicks have dates alone, too
    waits = (log.time < opening) & (log.time >= opening - 3 * DAY) & (np.arange(len(log.time)) % 2 == 0)
    log.delay = np.where(waits, opening - log.time, log.delay)
    calendar = Calendar((Promotion("sale", opening, opening + DAY),))
    net = evidence_net(
        NetParameters(epochs=6, batch_size=256),
        replace(dated, history=replace(dated.history, calendar=calendar)),
    )
    assert net.atoms.whole
    click, one = np.full(2, opening / HOUR - 24), np.ones(2)
    now = click + np.array([24 - JUST_BEFORE, 24.0])
    state = OpenClicks(click, now, one * np.inf, one * np.log(0.2 / 0.8), np.empty((2, 0), np.float32))
    before, after = 1 / (1 + np.exp(-state.logit - net.shift(state)))
    others = 0.1 * (1 - np.cumsum(SHARES))  # half of those who pay do not wait
    assert before == pytest.approx((0.1 + others[0]) / (1 - 0.1 + others[0]), rel=0.2)
    assert after == pytest.approx(others[1] / (1 - 0.2 + others[1]), rel=0.6)
