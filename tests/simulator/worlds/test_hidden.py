"""The hidden confounder, and delayed pays with and without a cart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from simulator.log.schema import Kind
from simulator.units import DAY, HOUR, SECOND
from simulator.windows import Windows
from simulator.worlds.confounder import Hidden
from simulator.worlds.generate import World
from simulator.worlds.hidden_settings import Confounder
from simulator.worlds.paying import delayed_pay, pay_probabilities
from simulator.worlds.settings import WorldSettings
from simulator.worlds.truth import COLUMNS, HIDDEN_COLUMNS
from tests.simulator.worlds.small import LIMIT, OBSERVATION, WINDOWS, outcome, world, z_of_rate

SALE = {"name": "s", "start": "3d"}
TABLES = {
    "days": 5,
    "clicks_per_day": 8_000,
    "users": 4_000,
    "items": 2_000,
    "promotion": [SALE],
    "confounder": {"strength": 1.0},
}


@pytest.fixture(scope="module")
def days():
    return list(world(seed=8, **TABLES).days())


def test_the_points_are_a_standard_normal_and_the_tilt_is_that_of_clicking():
    hidden = Hidden(Confounder(strength=0.8, click=0.5, deal=-0.4))
    for power, moment in enumerate([1, 0, 1, 0, 3, 0, 15]):
        assert hidden.shown @ hidden.value**power == pytest.approx(moment, abs=1e-9)
    # A normal tilted by e^(cu) has mean c.
    assert hidden.chance @ hidden.value == pytest.approx(0.4, abs=1e-3)
    assert hidden.chance @ hidden.deal == pytest.approx(1)
    uniform = (np.arange(100_000) + 0.5) / 100_000
    for points, chance in (
        (hidden.of_clicks(uniform), hidden.chance),
        (hidden.of_passed(uniform), hidden.shown),
    ):
        np.testing.assert_allclose(np.bincount(points, minlength=7) / 100_000, chance, atol=1e-5)


def test_without_strength_nothing_is_hidden():
    plain = world(seed=8, **TABLES | {"confounder": {"strength": 0, "pay": 2.0, "click": 1.0}})
    (first, *_), (other, *_) = plain.days(), world(seed=8, **TABLES | {"confounder": {}}).days()
    assert tuple(first.truth) == COLUMNS
    np.testing.assert_array_equal(first.events.time, other.events.time)


def test_p_pay_knows_the_intent_and_its_marginal_does_not(days):
    outcomes = [outcome(day, "all") for day in days]
    paid = np.concatenate([o.paid for o in outcomes])
    p, marginal, hidden = (
        np.concatenate([day.truth[name] for day in days]) for name in ("p_pay", *HIDDEN_COLUMNS)
    )
    assert abs(z_of_rate(paid, p)) < LIMIT
    assert abs(z_of_rate(paid, marginal)) < LIMIT
    for value in np.unique(hidden):
        mine = hidden == value
        assert abs(z_of_rate(paid[mine], p[mine])) < LIMIT
    edges = np.quantile(marginal, [0.25, 0.5, 0.75])
    for part in range(4):
        mine = np.searchsorted(edges, marginal) == part
        assert abs(z_of_rate(paid[mine], marginal[mine])) < LIMIT
    # The intent is what tells them apart: those of high intent pay more than their marginal says.
    assert z_of_rate(paid[hidden > 0], marginal[hidden > 0]) > 10
    assert p.std() > 1.2 * marginal.std()


def test_cart_and_pay_have_the_intent_in_common(days):
    """Given all that can be seen, a cart still tells something of paying, unless nothing is hidden."""

    def association(some):
        gaps = []
        for day in some:
            n, e = len(day.time), day.events
            paid, carted = (
                np.bincount(e.row[e.kind == kind], minlength=n) > 0 for kind in (Kind.PAY, Kind.CART)
            )
            seen = day.truth.get("p_pay_marginal", day.truth["p_pay"])
            gaps.append(((paid - seen) * (carted - carted.mean())).mean())
        return np.mean(gaps)

    calm = {key: value for key, value in TABLES.items() if key != "promotion"}
    hidden = association(world(seed=8, **calm).days())
    none = association(world(seed=8, **calm | {"confounder": {"strength": 0.0}}).days())
    assert hidden > none + 0.005


@pytest.mark.parametrize(("window", "close"), [(864 * SECOND, 1e-3), (6 * HOUR, 5e-3), (DAY, 3e-2)])
@pytest.mark.parametrize("start", [1.0, 2.6])
def test_delayed_pays_against_a_fine_quadrature(window, close, start):
    """P(delayed | cart), P(delayed | no cart): over leaving times, a fine grid and plain conditional probability."""
    settings = WorldSettings.model_validate(
        {"days": 5, "promotion": [SALE], "cart": {"rate": 0.35}, "cvr": 0.2}
    )
    one = World(settings, Windows(3 * DAY, 3 * DAY), window, 2)
    _, _arrivals, visit, _ = next(one.visits())
    keep = np.arange(0, len(visit.user), 400)
    time = np.full(len(keep), start * 24)
    mechanism, cart_level = one.mechanism, np.linspace(0.05, 1.2, len(keep))
    state = mechanism.considering(time, visit.take(keep), one.levels)
    waiting, c = mechanism.schedule.waiting, window / HOUR
    whole = pay_probabilities(state, mechanism.attribution, waiting)
    early = pay_probabilities(state, c, waiting)
    cart, no_cart = delayed_pay(mechanism, state, cart_level, whole, early)
    grid = np.linspace(0, c, 4_001)
    comes = float(waiting.times[0].cdf(np.array([time[0] + 72 - waiting.opening[0]]))[0])
    late = comes - float(waiting.times[0].cdf(np.array([time[0] + c - waiting.opening[0]]))[0])
    for i in range(len(keep)):
        mine = state.take(np.full(len(grid), i))
        survival = np.exp(-mine.cumulative(grid))
        reached = cart_level[i] * mechanism.cart.mass(np.full(len(grid), time[0]), grid)
        middle = np.interp(0.5 * (grid[1:] + grid[:-1]), grid, reached)
        gone = -np.diff(survival)
        chance = waiting.chance[waiting.entry(time[0] + 0.5 * (grid[1:] + grid[:-1]))]
        none = survival[-1] * np.exp(-reached[-1]) + (gone * (1 - chance) * np.exp(-middle)).sum()
        returned = (gone * chance).sum() * waiting.returns[0] * late
        after = whole.total[i] - early.total[i] - returned
        assert no_cart[i] == pytest.approx(after * np.exp(-reached[-1]) / none, rel=close)
        expected = (after * -np.expm1(-reached[-1]) + returned) / (1 - none)
        assert cart[i] == pytest.approx(expected, rel=close)


def test_delayed_pays_without_an_observation_window():
    settings = WorldSettings.model_validate({"days": 2, "clicks_per_day": 300})
    truth = next(World(settings, WINDOWS, 0, 2).days()).truth
    np.testing.assert_allclose(truth["p_delayed_no_cart"], truth["p_pay"])
    assert (truth["p_delayed_cart"] == 0).all()
    assert truth["p_pay_observed"].max() < 1e-12


def test_the_marginal_is_the_sum_over_points_of_a_continuous_intent_too():
    """Seven points against the integral over a normal: a world of one click and strength 1."""
    settings = WorldSettings.model_validate(
        {"days": 2, "clicks_per_day": 50, "confounder": {"strength": 1.0, "deal": 0}}
    )
    one = World(settings, WINDOWS, OBSERVATION, 4)
    day = next(one.days())
    _, arrivals, visit, _ = next(one.visits())
    plain = visit.take(np.arange(len(visit.user)))
    plain.hidden = None
    slope, tilt = 0.0, 0.5
    delay = settings.delay
    assert delay.user_slope == slope
    for i in range(0, len(visit.user), 10):

        def p(u, i=i):
            some = plain.take(np.array([i]))
            some.eta = some.eta + u
            state = one.mechanism.considering(arrivals.time[[i]] / HOUR, some, one.levels)
            return float(-np.expm1(-state.whole[0]))

        exact = integrate.quad(lambda u, p=p: p(u) * stats.norm.pdf(u, tilt), -7, 8)[0]
        assert day.truth["p_pay_marginal"][i] == pytest.approx(exact, rel=0.01)
