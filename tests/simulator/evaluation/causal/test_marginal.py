"""The bounds of the marginal sensitivity model, against worlds of one cell and against a search."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from simulator.evaluation.causal.effects import effects
from simulator.evaluation.causal.marginal import (
    bounds,
    least_strength,
    other_arm_bounds,
    row_bounds,
    sample_bounds,
    true_strength,
)
from simulator.evaluation.causal.newton import fit_logistic
from simulator.evaluation.causal.nuisances import Nuisances, cross_fitted
from simulator.evaluation.causal.observed import Observed
from simulator.evaluation.causal.resampling import over_users
from tests.carted import Carted
from tests.one_cell import OneCell

# (click, pay): c, q1, q0, q, Lambda_u, Lambda_V, and the interval at Lambda_V: the specification's table 10.2.
TABLE = {
    (0.0, 0.0): (0.0474, 0.0759, 0.0759, 0.0759, 1.000, 1.000, 0.0759, 0.0759),
    (0.8, 0.8): (0.0608, 0.1331, 0.0926, 0.0950, 2.895, 1.438, 0.0950, 0.1878),
    (1.2, 1.2): (0.0783, 0.1962, 0.1126, 0.1191, 5.666, 1.743, 0.1191, 0.3306),
    (1.2, -1.2): (0.0783, 0.0421, 0.1257, 0.1191, 5.666, 2.989, 0.0163, 0.1191),
}


def interval(cell: OneCell, strength: float) -> tuple[float, float]:
    low, high = bounds(np.array([cell.q1]), np.array([cell.c]), strength)
    return float(low[0]), float(high[0])


def lambda_v(cell: OneCell) -> float:
    return float(true_strength(np.array([cell.q1]), np.array([cell.q0]))[0])


@pytest.mark.parametrize(("world", "row"), TABLE.items())
def test_the_table_of_one_cell_worlds(world, row):
    cell = OneCell(*world)
    strength = lambda_v(cell)
    found = (cell.c, cell.q1, cell.q0, cell.q, cell.lambda_u, strength, *interval(cell, strength))
    np.testing.assert_allclose(found, row, atol=1e-3)
    assert cell.q == pytest.approx(cell.c * cell.q1 + (1 - cell.c) * cell.q0, abs=1e-12)
    assert cell.q1 - cell.q == pytest.approx((1 - cell.c) * (cell.q1 - cell.q0), abs=1e-12)


@pytest.mark.parametrize("world", [w for w in TABLE if w != (0.0, 0.0)])
def test_the_bound_at_lambda_v_touches_the_truth_and_a_smaller_one_misses_it(world):
    cell = OneCell(*world)
    strength = lambda_v(cell)
    low, high = interval(cell, strength)
    assert min(abs(low - cell.q), abs(high - cell.q)) < 1e-12
    low, high = interval(cell, strength * 0.99)
    assert not low <= cell.q <= high
    assert strength < cell.lambda_u


def test_bounds_are_those_of_a_search_over_odds():
    """All P(V = 1 | not clicked) whose odds ratios are allowed, on a grid."""
    grid = np.linspace(1e-6, 1 - 1e-6, 400_001)
    for q1 in (0.02, 0.3, 0.9):
        for strength in (1.05, 1.3, 4.0):
            ratio = np.stack([q1 / grid, (1 - q1) / (1 - grid)])
            slack = 1 + 1e-5
            allowed = grid[((ratio <= strength * slack) & (ratio >= 1 / strength / slack)).all(0)]
            low, high = other_arm_bounds(np.array([q1]), strength)
            assert low[0] == pytest.approx(allowed.min(), abs=1e-4)
            assert high[0] == pytest.approx(allowed.max(), abs=1e-4)


def test_intervals_of_samples_cover_the_truth_from_lambda_v_on():
    """Two hundred worlds, q1 and c estimated from a sample each: at 1.1 Lambda_V nearly all intervals hold the truth, at
    1 (no confounding assumed) few do.
    """
    rng = np.random.default_rng(5)
    held, naive = 0, 0
    for _ in range(200):
        cell = OneCell(rng.uniform(0.4, 1.5), rng.choice([-1, 1]) * rng.uniform(0.4, 1.5))
        clicked, paying = cell.draw(100_000, rng)
        q1, c = np.array([paying[clicked == 1].mean()]), np.array([clicked.mean()])
        low, high = bounds(q1, c, 1.1 * lambda_v(cell))
        held += int(low[0] <= cell.q <= high[0])
        low, high = bounds(q1, c, 1.0)
        naive += int(low[0] - 1e-3 <= cell.q <= high[0] + 1e-3)
    assert held >= 190
    assert naive <= 20


def test_a_lambda_below_one_is_refused():
    with pytest.raises(ValueError, match=r"Lambda is 0\.5; allowed: 1"):
        other_arm_bounds(np.array([0.1]), 0.5)


STRENGTHS = (1.0, 1.3, 2.0)


def by_name(values):
    """(Lambda, estimand, end)."""
    return values.reshape(-1, 4, 2)


def test_at_lambda_one_bounds_are_the_estimates():
    observed, *_ = Carted(1.0, 1.0, 1.5).draw(20_000, np.random.default_rng(0))
    known = cross_fitted(observed)
    ones = np.ones(len(observed))
    rows = by_name(row_bounds(observed, known, STRENGTHS)(ones))
    np.testing.assert_allclose(rows[0, :, 0], rows[0, :, 1], atol=1e-12)
    np.testing.assert_allclose(rows[0, :, 0], effects(observed, known)(ones).reshape(4, 4)[3], atol=1e-12)
    sample = by_name(sample_bounds(observed, STRENGTHS)(ones))
    fitted = Nuisances(
        np.clip(fit_logistic(observed.covariates, observed.treatment)(observed.covariates), 0.02, 0.98),
        ones,
        ones,
    )
    np.testing.assert_allclose(sample[0, :, 0], sample[0, :, 1], atol=1e-12)
    np.testing.assert_allclose(sample[0, :, 0], effects(observed, fitted)(ones).reshape(4, 4)[2], atol=1e-12)
    for found in (rows, sample):  # and only widen
        assert (np.diff(found[:, :, 0], axis=0) < 0).all()
        assert (np.diff(found[:, :, 1], axis=0) > 0).all()


def test_with_the_true_nuisances_rows_average_to_the_closed_bounds():
    """Labels may be their own expectations: the correction is then nothing, and the average that of the bounds."""
    cell = OneCell(1.2, 1.2)
    n, treated = 10_000, round(10_000 * cell.c)
    a = np.repeat([1.0, 0.0], [treated, n - treated])
    y = np.zeros(n)
    y[: round(treated * cell.q1)] = 1
    rate, e = y[:treated].mean(), treated / n
    observed = Observed(np.empty((n, 0)), a, y, np.arange(n))
    known = Nuisances(np.full(n, e), np.full(n, rate), np.zeros(n))
    low, high = by_name(row_bounds(observed, known, [1.743])(np.ones(n)))[0, 2]
    expected = bounds(np.array([rate]), np.array([e]), 1.743)
    assert (low, high) == pytest.approx([float(end[0]) for end in expected], abs=1e-12)
    assert (low, high) == pytest.approx((0.1191, 0.3306), abs=2e-3)
    # Nobody who does not click pays: E[Y(0)] is 0 whatever Lambda.
    assert by_name(row_bounds(observed, known, [1.743])(np.ones(n)))[0, 3].tolist() == [0, 0]


def test_sample_bounds_are_the_extremes_over_allowed_weights():
    """Every assignment of weights at the ends of their ranges, in a sample small enough to try all."""
    rng = np.random.default_rng(7)
    a = np.array([1.0] * 6 + [0.0] * 6)
    y = np.array([1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0.0])
    observed = Observed(rng.normal(size=(12, 1)), a, y, np.arange(12))
    e = np.clip(fit_logistic(observed.covariates, a)(observed.covariates), 0.02, 0.98)[:6]
    strength = 1.7
    ends = np.stack([1 + (1 / e - 1) / strength, 1 + (1 / e - 1) * strength])
    tried = []
    for choice in product((0, 1), repeat=6):
        w = ends[choice, np.arange(6)]
        tried.append(w @ y[:6] / w.sum())
    found = by_name(sample_bounds(observed, [strength])(np.ones(12)))[0]
    assert found[2].tolist() == pytest.approx([min(tried), max(tried)])
    assert found[0, 0] == pytest.approx(found[2, 0] - found[3, 1])


def test_the_correction_makes_up_for_a_wrong_outcome_model():
    """With the true propensity, bounds from a constant mu hold what bounds from the true mu hold: they are valid, if wider."""
    world = Carted(1.0, 1.0, 1.5)
    observed, y1, y0, _ = world.draw(100_000, np.random.default_rng(2))
    x = observed.covariates[:, 0]
    e = sum(world.chances(x, u)[0] for u in (-1, 1)) / 2
    wrong = np.full(len(x), 0.1)
    strength = world.strength(np.linspace(-3, 3, 61))
    low, high = by_name(row_bounds(observed, Nuisances(e, wrong, wrong), [strength])(np.ones(len(x))))[0, 0]
    assert low < (y1 - y0).mean() < high


def test_lambda_star_by_bisection():
    assert least_strength(lambda s: (0.3 - np.log(s), 0.3 + np.log(s))) == pytest.approx(
        np.exp(0.3), rel=2e-4
    )
    assert least_strength(lambda s: (-0.1, 0.1)) == 1
    assert least_strength(lambda s: (0.1, 0.2)) == np.inf
    assert least_strength(lambda s: (0.3 - np.log(s), 0.3), value=0.2) == pytest.approx(np.exp(0.1), rel=2e-4)


def covered(seed: int) -> list[bool]:
    """Whether the true effect is inside the sample's bounds, and inside the intervals of these and of the sharp ones."""
    rng = np.random.default_rng(seed)
    pay = rng.choice((-1, 1)) * rng.uniform(0.3, 1.2)
    world = Carted(rng.uniform(0.3, 1.2), pay, rng.choice((0.0, 0.7, 1.5)), base=rng.uniform(-4, -2))
    observed, *_ = world.draw(6000, rng)
    grid = np.linspace(-3, 3, 121)
    chances = [world.chances(grid, u) for u in (-1, 1)]
    density = np.exp(-(grid**2) / 2)
    truth = np.average(sum(one - none for _, one, none in chances) / 2, weights=density)
    strengths = [world.strength(grid)]
    held = []
    for bound in (
        sample_bounds(observed, strengths),
        row_bounds(observed, cross_fitted(observed), strengths),
    ):
        found = over_users(bound, observed.user, rng, 80)
        low, high = (by_name(found.quantile(chance))[0, 0] for chance in (0.025, 0.975))
        held += [found.value[0] <= truth <= found.value[1], low[0] <= truth <= high[1]]
    return [held[0], held[1], held[3]]


def test_bounds_hold_the_truth_at_the_true_lambda_in_forty_worlds():
    held = np.array([covered(seed) for seed in range(40)]).sum(0)
    assert (held >= 38).all(), held


def test_at_lambda_one_a_world_without_an_effect_is_said_to_have_one():
    """W6: the interval of no confounding leaves nothing out but the truth; the bounds at the true Lambda hold it."""
    world = Carted(1.0, 1.0, 0.0)
    observed, *_ = world.draw(60_000, np.random.default_rng(11))
    known = cross_fitted(observed)
    strength = world.strength(np.linspace(-3, 3, 61))
    found = over_users(
        row_bounds(observed, known, [1.0, strength]), observed.user, np.random.default_rng(0), 60
    )
    low, high = (by_name(found.quantile(chance))[:, 0] for chance in (0.025, 0.975))
    assert low[0, 0] > 0
    assert low[1, 0] < 0 < high[1, 1]
    ones = np.ones(len(observed))
    star = least_strength(lambda s: tuple(row_bounds(observed, known, [s])(ones)[:2]))
    assert 1 < star < strength
