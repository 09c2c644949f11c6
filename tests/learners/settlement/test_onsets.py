"""The chances of onsets: expected pays against a simulation, the likelihood against scipy, and what a flood teaches."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import nbinom

from learners.auxiliary import AUXILIARIES
from learners.history import History
from learners.materials import Materials
from learners.offsets import OFFSETS
from learners.settlement.evidence.layout import OpenClicks
from learners.settlement.evidence.onsets import SPREAD, Onsets
from simulator.calendar import Calendar, Promotion
from simulator.learning import Clicks, Question
from simulator.randomness import generator
from simulator.units import DAY, HOUR

OFFSETS_OF_SALE = (0.0, -4.0, 4.0)
SALE = (100.0, 124.0)
P, STEP = 0.3, 2.0
WAITS = 0.8
"""Share of the payers who pay in the sale, at once (Exp(1 h) after its opening); the others pay at an Exp(20 h) age."""


def survival(click, now, opening):
    """The share of payers of clicks before ``opening`` that is silent until ``now``."""
    slow = np.exp(-(now - click) / 20)
    return (1 - WAITS) * slow + WAITS * np.where(now < opening, 1.0, np.exp(-(now - opening)))


def posterior(click, now, opening):
    left = P * survival(click, now, opening)
    return left / (left + 1 - P)


def each(clicks: OpenClicks):
    q = np.stack([posterior(clicks.click, clicks.now, SALE[0] + later) for later in OFFSETS_OF_SALE])
    return np.log(q) - np.log1p(-q)


def stream(rng, opening, n=6_000):
    """Clicks of [40, 90) h and when they pay."""
    click = np.sort(rng.uniform(40, 90, n))
    slow = click + rng.exponential(20, n)
    rush = opening + rng.exponential(1, n)
    pay = np.where(rng.random(n) < WAITS, rush, slow)
    return click, np.where(rng.random(n) < P, pay, np.inf)


def state(click, now) -> OpenClicks:
    nothing = np.full(len(click), np.inf)
    return OpenClicks(
        click, np.full(len(click), now), nothing, np.zeros(len(click)), np.empty((len(click), 0), np.float32)
    )


def run(onsets, click, pay, until, start=92.0):
    """Tell it of segments of two hours; return the chances after each."""
    found = []
    evidence = np.where(pay <= start, np.inf, 0.0)
    onsets.hear(click, start, evidence, np.full(len(click), np.nan))
    for now in np.arange(start + STEP, until + 0.1, STEP):
        onsets.watch(state(click[pay > now], now), each)
        previous, evidence = evidence, np.where(pay <= now, np.inf, 0.0)
        onsets.hear(click, now, evidence, previous)
        found.append(onsets.chances()[0])
    return np.array(found)


def test_the_silent_tell_how_many_pays_were_to_come():
    """The sum over the silent of (q(a) - q(b)) / (1 - q(a)) has the mean of the pays in (a, b], at the opening too."""
    rng = generator(1, "expected")
    told, came = [], []
    for _ in range(60):
        click, pay = stream(rng, SALE[0], 1_000)
        for a, b in ((98.0, 100.0), (100.0, 102.0), (104.0, 108.0)):
            onsets = Onsets([SALE], OFFSETS_OF_SALE)
            onsets.hear(click, a, np.zeros(len(click)), np.zeros(len(click)))
            onsets.watch(state(click[pay > b], b), each)
            told.append(onsets._expected[0])
            came.append(np.count_nonzero((pay > a) & (pay <= b)))
    told, came = np.reshape(told, (-1, 3)), np.reshape(came, (-1, 3))
    error = (told - came).std(axis=0) / np.sqrt(len(told))
    assert (np.abs((told - came).mean(axis=0)) < 3 * error).all()
    assert came.mean(axis=0)[1] > 100


def test_chances_are_multiplied_by_the_likelihood():
    rng = generator(2, "likelihood")
    onsets = Onsets([SALE], OFFSETS_OF_SALE)
    click, pay = stream(rng, 100.0)
    run(onsets, click, pay, 96.0)
    before = onsets.chances()[0]
    onsets.watch(state(click[pay > 98], 98.0), each)
    expected = onsets._expected.copy()
    came = np.count_nonzero((pay > 96) & (pay <= 98))
    evidence = [np.where(pay <= now, np.inf, -1.0) for now in (98, 96)]
    onsets.hear(click, 98.0, *evidence)
    size = SPREAD**-2
    likelihood = nbinom.pmf(came, size, size / (size + expected))
    np.testing.assert_allclose(onsets.chances()[0], before * likelihood / (before @ likelihood), rtol=1e-6)
    np.testing.assert_array_equal(onsets._expected, 0)


@pytest.mark.parametrize("place", range(3))
def test_a_flood_finds_its_opening_and_its_absence_rules_out_those_before(place):
    opening = SALE[0] + OFFSETS_OF_SALE[place]
    click, pay = stream(generator(3, "flood", place), opening)
    found = run(Onsets([SALE], OFFSETS_OF_SALE), click, pay, 108.0)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(found[:2], 1 / 3)  # until 96, the first that is possible
    assert found[-1, place] > 0.99
    if place == 2:
        assert found[2:4, 1].max() < 0.01  # the first one has passed
        assert found[3, 0] == pytest.approx(found[3, 2], rel=0.1)  # of the others nothing is known yet


def test_carts_and_clicks_of_the_segment_are_known_from_when_they_came():
    onsets = Onsets([SALE], OFFSETS_OF_SALE)
    onsets.hear(np.zeros(0), 98.0, np.zeros(0), np.zeros(0))
    seen = []
    click = np.array([50.0, 60.0, 99.0])
    clicks = OpenClicks(
        click, np.full(3, 100.0), np.array([70.0, 99.5, np.inf]), np.zeros(3), np.zeros((3, 0), np.float32)
    )
    onsets.watch(clicks, lambda some: seen.append(some) or np.zeros((3, len(some))))
    before, now = seen
    np.testing.assert_array_equal(before.now, [98, 98, 99])
    np.testing.assert_array_equal(before.cart, [70, np.inf, np.inf])
    assert now is clicks


def test_pays_are_counted_once_and_only_those_of_the_segment():
    """Told before: paid long ago, paid now, silent; new: paid now, paid before the segment (first seen), silent."""
    onsets = Onsets([SALE], OFFSETS_OF_SALE)
    onsets.hear(np.zeros(0), 98.0, np.zeros(0), np.zeros(0))
    onsets._expected[:] = [2.0, 20.0, 200.0]
    evidence = np.array([np.inf, np.inf, -1, np.inf, np.inf, -1])
    previous = np.array([np.inf, -0.5, -0.5, np.nan, np.nan, np.nan])
    onsets.hear(np.array([60.0, 60, 60, 99, 97, 99]), 100.0, evidence, previous)
    size = SPREAD**-2
    likelihood = nbinom.pmf(2, size, size / (size + np.array([2.0, 20.0, 200.0])))
    np.testing.assert_allclose(onsets.chances()[0], likelihood / likelihood.sum(), rtol=1e-9)


def test_each_sale_has_chances_of_its_own():
    onsets = Onsets([SALE, (500.0, 524.0)], OFFSETS_OF_SALE)
    click, pay = stream(generator(5, "two"), 100.0)
    run(onsets, click, pay, 106.0)
    assert onsets.chances()[0, 0] > 0.99
    np.testing.assert_allclose(onsets.chances()[1], 1 / 3)
    logs = onsets.log_chances(np.array([90.0, 219.9, 220.1, 900.0]))
    np.testing.assert_allclose(np.exp(logs[0]), [*[onsets.chances()[0, 0]] * 2, 1 / 3, 1 / 3])


def test_it_goes_on_from_its_state():
    click, pay = stream(generator(6, "resume"), 104.0)
    whole = Onsets([SALE], OFFSETS_OF_SALE)
    run(whole, click, pay, 102.0)
    half = Onsets([SALE], OFFSETS_OF_SALE)
    run(half, click, pay, 98.0)
    half.watch(state(click[pay > 100][:100], 100.0), each)
    other = Onsets([SALE], OFFSETS_OF_SALE)
    other.load_state_dict(half.state_dict())
    evidence = [np.where(pay <= now, np.inf, -1.0) for now in (100, 98, 102)]
    for one in (half, other):
        one.watch(state(click[pay > 100][100:], 100.0), each)
        one.hear(click, 100.0, evidence[0], evidence[1])
        one.watch(state(click[pay > 102], 102.0), each)
        one.hear(click, 102.0, evidence[2], evidence[0])
    np.testing.assert_array_equal(other.chances(), half.chances())
    np.testing.assert_allclose(half.chances(), whole.chances(), rtol=1e-6)


def test_auxiliary_and_offset_hold_the_same_chances(ground, small):
    sales = Calendar((Promotion("earlier", 2 * DAY, 3 * DAY), Promotion("sale", 9 * DAY, 10 * DAY)))
    history = History(ground.log, ground.windows, 0, 8 * DAY, sales)
    materials = Materials(history, 6 * HOUR, small, 5, ground.cache, lambda: None)
    given = {"calendar_uncertainty": "3h"}
    offset = OFFSETS.find("calendar")(**given).prepare(materials)
    estimator = AUXILIARIES.find("evidence")(**given).prepare(materials)
    assert estimator.adapts
    assert not AUXILIARIES.find("evidence")().prepare(materials).adapts
    rows = np.flatnonzero((ground.log.time > 7 * DAY) & (ground.log.time < 9 * DAY))
    clicks = Clicks(rows, ground.log.time[rows], ground.log.ids[rows])
    first = offset(clicks)["cvr"]
    begun = estimator.state_dict()
    nobody = SimpleNamespace(carted=np.zeros(len(rows), bool), cart_time=np.full(len(rows), -1))
    known = {name: np.zeros(len(rows)) for name in ("prior", "evidence", "previous")}
    for now in (9 * DAY, 9 * DAY + 2 * HOUR):
        told = np.full(len(rows), now)
        estimator.answer(Question("evidence", clicks, told, nobody, {"logit": np.full(len(rows), -1.0)}))
        estimator.hear(clicks, told, known)
    # Nobody has paid, but the first onsets expected some.
    found = np.exp(estimator.state_dict()["log"].numpy())[0]
    assert not np.allclose(found, 1 / 7)
    assert np.abs(offset(clicks)["cvr"] - first).max() > 1e-4
    estimator.load_state_dict(begun)
    np.testing.assert_array_equal(offset(clicks)["cvr"], first)
