from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from simulator.units import SECOND
from simulator.windows import Windows
from simulator.worlds.hazards import CalendarHazard, Considering, MixtureHazard, invert
from simulator.worlds.mechanism import Mechanism
from simulator.worlds.paying import pay_probabilities
from simulator.worlds.promotion import ReturnTime, Schedule
from simulator.worlds.promotion_settings import WorldPromotion
from simulator.worlds.settings import WorldSettings

PAY_SCALES = (0.1151, 1.260, 43.98)
WEIGHTS, SCALES = (0.3, 0.2, 0.5), (0.1, 1.3, 40.0)
SALE = WorldPromotion.model_validate({"name": "sale", "start": "4d"})


def by_quadrature(multiplier, rate, time, elapsed):
    """Integrate rate e^(-rate s) m(time + s) cell by cell."""
    cuts = [0.0, *(c - time for c in range(len(multiplier)) if 0 < c - time < elapsed), elapsed]
    total = 0.0
    for low, high in itertools.pairwise(cuts):
        cell = int(time + 0.5 * (low + high))
        total += integrate.quad(lambda s, m=multiplier[cell]: m * rate * np.exp(-rate * s), low, high)[0]
    return total


@given(
    st.lists(st.floats(0, 8), min_size=12, max_size=30),
    st.floats(0, 5),
    st.floats(1e-4, 6),
    st.floats(0.02, 50),
)
@settings(max_examples=60, deadline=None)
def test_the_closed_form_is_the_integral(multiplier, time, elapsed, scale):
    hazard = CalendarHazard(np.array(multiplier), [scale])
    mass = hazard.mass(np.array([time]), np.array([elapsed]))[0, 0]
    assert mass == pytest.approx(by_quadrature(multiplier, 1 / scale, time, elapsed), rel=1e-8, abs=1e-10)


def test_a_flat_calendar_gives_the_mixture_and_the_short_cut_agrees():
    time, elapsed = np.array([0.2, 5.9, 11.0]), np.array([0.1, 3.0, 40.0])
    expected = sum(w * -np.expm1(-elapsed / s) for w, s in zip(WEIGHTS, SCALES, strict=True))
    flat = MixtureHazard(np.ones(60), WEIGHTS, SCALES)
    almost = MixtureHazard(np.append(np.ones(59), 1.0 + 1e-12), WEIGHTS, SCALES)
    assert flat.plain(0, 59)
    assert not almost.plain(0, 59)
    np.testing.assert_allclose(flat.mass(time, elapsed), expected, rtol=1e-13)
    np.testing.assert_allclose(almost.mass(time, elapsed), expected, rtol=1e-10)


@given(st.integers(0, 2**32), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_inversion_meets_its_target(seed, cells):
    rng = np.random.default_rng(seed)
    hazard = MixtureHazard(rng.gamma(0.5, 2, cells), WEIGHTS, SCALES)
    time, longest = rng.uniform(0, cells, 50), rng.uniform(0.5, 72, 50)
    reached = hazard.mass(time, longest)
    target = rng.random(50) * reached
    elapsed = hazard.times(time, np.ones(50), target, longest)
    assert ((elapsed >= 0) & (elapsed <= longest)).all()
    np.testing.assert_allclose(hazard.mass(time, elapsed), target, rtol=1e-6, atol=1e-8)


def test_inversion_is_the_same_as_halving():
    def cumulative(x):
        return 0.4 * (1 - np.exp(-x / 0.01)) + np.maximum(x - 3, 0) * 0.2

    target = np.linspace(1e-6, 0.999, 500) * cumulative(np.array(10.0))
    low, high = np.zeros(500), np.full(500, 10.0)
    for _ in range(70):
        middle = (low + high) / 2
        low, high = (
            np.where(cumulative(middle) < target, middle, low),
            np.where(cumulative(middle) < target, high, middle),
        )
    np.testing.assert_allclose(invert(cumulative, target, np.full(500, 10.0)), high, rtol=1e-5, atol=1e-7)


def considering(mechanism, time, rng):
    n = len(time)
    profile = rng.dirichlet([2, 2, 4], n).T
    level, response = np.exp(rng.normal(-2, 1, n)), rng.gamma(2, 0.5, n)
    state = Considering(
        mechanism.pay, time, level=level, profile=profile, response=response, longest=mechanism.attribution
    )
    return state, level, profile, response


def test_cumulative_hazard_with_a_sale_against_quadrature():
    mechanism = Mechanism(WorldSettings(days=8, promotion=(SALE,)), Windows(), 864 * SECOND)
    rng = np.random.default_rng(3)
    time, elapsed = rng.uniform(20, 110, 12), rng.uniform(0.01, 72, 12)
    state, level, profile, response = considering(mechanism, time, rng)
    got = state.cumulative(elapsed)
    schedule = mechanism.schedule
    for i in range(12):
        multiplier = schedule.pay_common + response[i] * schedule.pay_deal
        parts = [by_quadrature(multiplier, 1 / s, time[i], elapsed[i]) for s in PAY_SCALES]
        assert got[i] == pytest.approx(level[i] * np.dot(profile[:, i], parts), rel=1e-7)
    edge = np.ceil(time + elapsed).astype(np.int64)
    np.testing.assert_allclose(state.cumulative_at(edge), state.cumulative(edge - time), rtol=1e-9)


def test_pay_probability_with_waiting_against_quadrature():
    """P(pay) = integral of leaving x [(1 - w) + w kappa Q(window)], over a fine grid of leaving times."""
    mechanism = Mechanism(WorldSettings(days=8, promotion=(SALE,)), Windows(), 864 * SECOND)
    waiting = mechanism.schedule.waiting
    rng = np.random.default_rng(4)
    time = np.array([3.0, 50.1, 72.5, 94.9, 95.99, 96.0, 110.0])
    state, *_ = considering(mechanism, time, rng)
    for horizon in (0.24, 5.0, 72.0):
        paying = pay_probabilities(state, horizon, waiting)
        direct, back = paying.direct, paying.back
        for i, t in enumerate(time):
            cuts = waiting.edges - t
            cuts = cuts[(cuts > 0) & (cuts < horizon)]
            grid = np.unique(np.concatenate([np.linspace(0, 1, 2_001) * horizon, cuts]))
            middle = 0.5 * (grid[1:] + grid[:-1])
            one = state.take(np.array([i]))
            wide = one.take(np.zeros(len(grid), np.int64))
            gone = np.diff(-np.exp(-wide.cumulative(grid)))
            chance = waiting.chance[waiting.entry(t + middle)]
            returns = waiting.returns[0] * waiting.times[0].cdf(np.array([t + horizon - waiting.opening[0]]))
            assert direct[i] == pytest.approx((gone * (1 - chance)).sum(), rel=1e-9)
            assert back[0, i] == pytest.approx((gone * chance).sum() * returns[0], rel=1e-9, abs=1e-14)


def test_leaving_times_follow_the_hazard():
    """Kolmogorov-Smirnov: H(time of leaving) is uniform on (0, H(window)), whatever the calendar."""
    mechanism = Mechanism(WorldSettings(days=8, promotion=(SALE,)), Windows(), 864 * SECOND)
    rng = np.random.default_rng(11)
    state, *_ = considering(mechanism, rng.uniform(24, 120, 20_000), rng)
    target = rng.standard_exponential(20_000)
    left = np.flatnonzero(target < state.whole)
    part = state.take(left)
    elapsed = invert(part.cumulative, target[left], np.full(len(left), 72.0))
    # F(tau | left) of each click's own distribution, from independent components.
    share = -np.expm1(-part.cumulative(elapsed)) / -np.expm1(-part.whole)
    assert stats.kstest(share, "uniform").pvalue > 1e-4
    assert (
        stats.kstest(share[elapsed < 2], lambda u: u).pvalue < 1e-4
    )  # the test has power: a part is not uniform


def test_return_times_follow_their_distribution():
    times = ReturnTime(SALE)
    sample = times.sample(np.random.default_rng(1).random(50_000))
    assert stats.kstest(sample, times.cdf).pvalue > 1e-4
    assert times.cdf(np.array([-1.0, 0.0, 24.0, 99.0])) == pytest.approx([0, 0, 1, 1])
    assert times.cdf(np.array([1.0]))[0] > 0.1  # the opening hour


def _on_the_day(h):
    """The defaults, typed again; scales in minutes."""
    return 0.217 + 10.70 * np.exp(-60 * h / 442.9) + 3.27 * np.exp(-60 * (24 - h) / 197.7)


def test_the_calendar_says_what_the_settings_say():
    schedule = Schedule.of([SALE], 24 * 12, np.ones(24))
    start = 96
    assert schedule.ordinary(24 * 30, 24 * 31)
    assert not schedule.ordinary(0, 24)  # onset is 11 days before
    assert schedule.pay_deal[:start].sum() == 0 == schedule.pay_deal[start + 24 :].sum()
    during = schedule.pay_common[start : start + 24] + schedule.pay_deal[start : start + 24]
    h = np.arange(24) + 0.5
    np.testing.assert_allclose(during, _on_the_day(h))
    assert schedule.traffic[start - 1] == 1.348
    assert schedule.price[start] == pytest.approx(0.88)
    assert schedule.refund[start - 1] == 1
    assert schedule.refund[start] == pytest.approx(1 + 0.25 * np.exp(-0.5 / 72))
    waiting = schedule.waiting
    assert waiting.chance[waiting.entry(np.array([start - 0.5]))][0] == pytest.approx(
        0.1238 + 0.4635 * np.exp(-3 / 24.51)
    )
    assert waiting.chance[waiting.entry(np.array([start + 0.5]))][0] == 0
    assert (np.diff(waiting.chance[1:-1]) > 0).all()


def test_waiting_between_two_sales_belongs_to_the_next():
    second = WorldPromotion.model_validate({"name": "second", "start": "7d"})
    waiting = Schedule.of([second, SALE], 24 * 12, np.ones(24)).waiting
    entry = waiting.entry(np.array([95.5, 96.5, 119.5, 120.5, 167.5, 168.5]))
    assert waiting.sale[entry][[0, 3, 4]].tolist() == [0, 1, 1]
    assert (waiting.chance[entry] > 0).tolist() == [True, False, False, True, True, False]
