"""The bounds of the marginal sensitivity model, against worlds of one cell and against a search."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.evaluation.sensitivity import bounds, true_strength, unclicked_bounds
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
            low, high = unclicked_bounds(np.array([q1]), strength)
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
        unclicked_bounds(np.array([0.1]), 0.5)
