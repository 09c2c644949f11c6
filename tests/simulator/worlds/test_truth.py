from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from simulator.units import DAY, HOUR, SECOND
from simulator.windows import Windows
from simulator.worlds import spending, truth
from simulator.worlds.generate import World
from simulator.worlds.settings import WorldSettings
from tests.simulator.worlds.small import (
    LIMIT,
    OBSERVATION,
    SALE,
    SALE_DAY,
    WINDOWS,
    joined,
    outcome,
    phase_of,
    world,
    z_of_mean,
    z_of_rate,
    z_values,
)

PHASES = ("before", "onset", "anticipation", "sale", "after")


@pytest.mark.parametrize("phase", [None, *PHASES])
def test_rates_are_what_the_truth_says(outcomes, phase):
    for name, z in z_values(outcomes, phase).items():
        assert abs(z) < LIMIT, name
    assert not joined(outcomes, "refunded", phase)[~joined(outcomes, "paid", phase)].any()


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("paid", "p_pay"),
        ("observed", "p_observed"),
        ("refunded", "p_refund"),
        ("refunded_soon", "p_refund_soon"),
    ],
)
def test_rates_hold_in_every_bin_of_probability(outcomes, phase, name, column):
    p, happened = joined(outcomes, column, phase), joined(outcomes, name, phase)
    if name.startswith("refunded"):
        paid = joined(outcomes, "paid", phase)
        p, happened = p[paid], happened[paid]
    edges = np.quantile(p, [0, 0.5, 0.8, 0.95, 1])
    for low, high in itertools.pairwise(edges):
        inside = (p >= low) & (p <= high)
        assert abs(z_of_rate(happened[inside], p[inside])) < LIMIT


@pytest.mark.parametrize("phase", PHASES)
def test_gmv_holds_in_every_bin_of_expectation(outcomes, phase):
    expected, gmv = joined(outcomes, "expected", phase), joined(outcomes, "gmv", phase)
    order = np.argsort(expected)
    for part in np.array_split(order, 4):
        assert abs(z_of_mean(gmv[part] / expected[part] - 1)) < LIMIT


def test_the_z_values_of_days_are_standard_normal(outcomes):
    z = np.array([z_of_rate(o.paid, o.p_pay) for o in outcomes])
    assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-4
    assert stats.chi2.cdf((z**2).sum(), len(z)) > 1e-4


def test_truth_is_possible(outcomes):
    for o in outcomes:
        assert ((o.p_pay > 0) & (o.p_pay < 1)).all()
        assert ((o.p_refund > 0) & (o.p_refund < 1)).all()
        assert ((o.p_refund_soon > 0) & (o.p_refund_soon < o.p_refund)).all()
        assert ((o.p_observed > 0) & (o.p_observed <= o.p_pay + 1e-12)).all()
        assert (o.expected > 0).all()
        assert o.p_pay.dtype == np.float64


def test_rates_without_promotion_are_the_settings():
    days = list(world(seed=8, days=6, clicks_per_day=20_000, cvr=0.1).days())
    p = np.concatenate([d.truth["p_pay"] for d in days])
    r = np.concatenate([d.truth["p_refund"] for d in days])
    assert p.mean() == pytest.approx(0.1, rel=0.02)
    assert np.average(r, weights=p) == pytest.approx(0.245, rel=0.02)


def test_a_promotion_does_not_move_the_levels():
    plain = world(seed=8, days=12, clicks_per_day=500)
    assert world(seed=8, days=12, clicks_per_day=500, promotion=[SALE]).levels == plain.levels


def test_quadratures_against_finer_ones(monkeypatch):
    def columns():
        days = world(seed=4, days=13, clicks_per_day=800, promotion=[SALE]).days()
        return [day.truth for day in days]

    coarse = columns()
    monkeypatch.setattr(spending, "INTERVALS", 36)
    monkeypatch.setattr(spending, "PARTS", 6)
    monkeypatch.setattr(truth, "INTERVALS", 36)
    for rough, fine in zip(coarse, columns(), strict=True):
        np.testing.assert_array_equal(rough["p_pay"], fine["p_pay"])
        for name in ("p_refund", "p_refund_observed"):
            np.testing.assert_allclose(rough[name], fine[name], rtol=0.02)
        np.testing.assert_allclose(rough["expected_gmv"], fine["expected_gmv"], rtol=0.02)
        assert rough["p_refund"].mean() == pytest.approx(fine["p_refund"].mean(), rel=0.003)
        assert rough["expected_gmv"].mean() == pytest.approx(fine["expected_gmv"].mean(), rel=0.002)


def test_repurchases_are_worth_what_a_simulation_says():
    """V(first pay at s) against a plain simulation of the renewal process, repurchase hazards raised by a sale."""
    settings = WorldSettings.model_validate({"days": 13, "promotion": [SALE]})
    mechanism = World(settings, WINDOWS, OBSERVATION, 1).mechanism
    grid, rng = spending.Grid(72.0, settings.delay), np.random.default_rng(6)
    start = SALE_DAY * 24.0 - 10
    own, further = spending.worth(mechanism, grid, np.array([start]))
    for part in (0, 40, 70, 88):
        n, first = 60_000, grid.middle[part]
        at, level, value = np.full(n, first), np.full(n, mechanism.first_repurchase[3]), np.zeros(n)
        alive = np.arange(n)
        while len(alive):
            rest = 72.0 - at[alive]
            target = rng.standard_exponential(len(alive))
            again = target < level[alive] * mechanism.repurchases[0].mass(start + at[alive], rest)
            who = alive[again]
            elapsed = mechanism.repurchases[0].times(start + at[who], level[who], target[again], rest[again])
            at[who] += elapsed
            value[who] += (
                spending.later(0.118, at[who]) * mechanism.schedule.price[(start + at[who]).astype(int)]
            )
            level[:], alive = settings.repurchase.further, who
        error = value.std() / np.sqrt(n)
        assert abs(value.mean() - further[0, 3, 0, part]) < 4 * error + 0.004 * further[0, 3, 0, part]
    assert own[0, 0] == pytest.approx(spending.later(0.118, grid.middle[:1])[0])


@pytest.mark.parametrize(
    "windows", [Windows(7 * DAY, DAY), Windows(6 * HOUR, 30 * SECOND), Windows(90 * SECOND, 3 * DAY)]
)
def test_other_windows(windows):
    settings = WorldSettings.model_validate(
        {"days": 4, "clicks_per_day": 15_000, "cvr": 0.2, "promotion": [{"name": "s", "start": "2d"}]}
    )
    paid = p = refunded = r = 0.0
    spread = spread_r = 0.0
    for day in World(settings, windows, min(OBSERVATION, windows.attribution), 9).days():
        e, n = day.events, len(day.time)
        pay, back = e.kind == 2, e.kind == 3
        assert (e.time[pay] <= day.time[e.row[pay]] + windows.attribution).all()
        converted = np.zeros(n, bool)
        converted[e.row[pay]] = True
        one, two = day.truth["p_pay"], day.truth["p_refund"][converted]
        paid, p, spread = paid + converted.sum(), p + one.sum(), spread + (one * (1 - one)).sum()
        refunded, r, spread_r = refunded + back.sum(), r + two.sum(), spread_r + (two * (1 - two)).sum()
    assert abs(paid - p) < LIMIT * np.sqrt(spread)
    assert abs(refunded - r) < LIMIT * np.sqrt(spread_r)


def test_two_sales_in_a_row():
    """Windows that hold a whole sale and reach into the next, longer one."""
    sales = [{"name": "b", "start": "6d", "length": "36h"}, {"name": "a", "start": "4d", "length": "12h"}]
    days = world(seed=12, days=8, clicks_per_day=12_000, cvr=0.15, promotion=sales).days()
    parts = [outcome(day, "all") for day in days]
    paid, p, r = joined(parts, "paid"), joined(parts, "p_pay"), joined(parts, "p_refund")
    assert abs(z_of_rate(paid, p)) < LIMIT
    assert abs(z_of_rate(joined(parts, "observed"), joined(parts, "p_observed"))) < LIMIT
    assert abs(z_of_rate(joined(parts, "refunded")[paid], r[paid])) < LIMIT
    expected = joined(parts, "expected")
    assert abs(z_of_mean(joined(parts, "gmv") * p / expected - p)) < LIMIT


def test_graded_repurchases_and_journeys_without_a_residual():
    """Levels by segment and category: GMV holds in every bin of what it exceeds the first pay's worth by."""
    tables = {
        "repurchase": {"segment": 1.0, "category": 0.8, "rhythm": 0.4},
        "amount": {"segment": 0.3, "category": 0.3, "brand": 0.2, "plain": 0.7, "residual": 1.2},
    }
    one = world(
        seed=13, days=10, clicks_per_day=20_000, cvr=0.3, promotion=[SALE | {"start": "7d"}], **tables
    )
    days = list(one.days())
    loyalty = np.concatenate([visit.loyalty for _, _, visit, _ in one.visits()])
    parts = [outcome(day, "all") for day in days]
    p, expected, gmv = (joined(parts, name) for name in ("p_pay", "expected", "gmv"))
    excess = gmv * p / expected - p
    assert len(np.unique(loyalty)) > 20
    assert abs(z_of_mean(excess)) < LIMIT
    for part in np.array_split(np.argsort(loyalty, kind="stable"), 5):
        assert abs(z_of_mean(excess[part])) < LIMIT
    # What is said to be worth more is worth more: twice the first pay and over, against next to nothing on top.
    size = expected / p
    low, high = (size[loyalty <= np.quantile(loyalty, q)].mean() for q in (0.1, 1.0))
    assert high > 1.2 * low


def test_phases_of_the_test_world():
    assert [phase_of(d) for d in (0, 3, 6, SALE_DAY, 10)] == [
        "before",
        "onset",
        "anticipation",
        "sale",
        "after",
    ]
