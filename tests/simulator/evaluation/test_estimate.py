"""Intervals hold what they promise, and as many replicates as are asked for settle what they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simulator.evaluation.estimate import MOST, POWER, Estimate, blocks, over_blocks, over_runs, power


def test_over_runs_is_the_paired_t_test():
    differences = [0.3, 0.1, 0.4, 0.2, 0.25]
    low, high = over_runs(differences).interval(0.9)
    expected = stats.ttest_1samp(differences, 0.0).confidence_interval(0.9)
    assert (low, high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("effect", [0.3, 0.8, 2.5])
def test_as_many_as_are_needed_settle_it_as_often_as_was_promised(effect):
    needed = Estimate(effect, 1.0, 4).needed(0.95)
    draws = np.random.default_rng(1).normal(effect, 1.0, (20_000, needed))
    t = draws.mean(axis=1) / (draws.std(axis=1, ddof=1) / np.sqrt(needed))
    assert np.mean(t > stats.t.ppf(0.975, needed - 1)) > POWER - 0.01
    assert power(effect, needed - 1, 0.95) < POWER <= power(effect, needed, 0.95)


@given(st.floats(0.05, 5), st.floats(0.1, 10), st.integers(2, 30))
def test_needed_does_not_depend_on_the_unit_nor_on_the_sign(mean, sd, n):
    one = Estimate(mean, sd, n).needed(0.95)
    assert one == Estimate(-mean, sd, n).needed(0.95)
    assert one == Estimate(1024 * mean, 1024 * sd, n).needed(0.95)
    weaker = Estimate(mean / 2, sd, n).needed(0.95)
    assert one is None or weaker is None or weaker >= one


@given(st.floats(0.01, 3), st.integers(2, 40))
def test_what_is_not_settled_needs_more_than_there_is(mean, n):
    estimate = Estimate(mean, 1.0, n)
    needed = estimate.needed(0.95)
    assert estimate.settled(0.95) or needed is None or needed > n


def test_no_difference_is_never_settled():
    assert Estimate(0.0, 0.0, 5).needed(0.95) is None
    assert not Estimate(0.0, 0.0, 5).settled(0.95)
    assert Estimate(1e-6, 1.0, 5).needed(0.95) is None
    assert MOST == 1000


def test_one_replicate_has_no_interval():
    one = over_runs([0.3])
    assert np.isnan(one.interval(0.95)).all()
    assert not one.settled(0.95)
    assert one.needed(0.95) is None


@given(st.integers(0, 200))
def test_blocks_hold_every_cell_once(n):
    values = np.arange(n, dtype=np.float64)
    found = blocks(values)
    assert found.sum() == values.sum()
    assert len(found) <= max(n, 0)
    assert n < 2 or len(found) >= 2


def _covered(rho, n, make):
    """How often an interval holds the true difference, 0.1, where cells are alike with correlation rho to the next one."""
    random = np.random.default_rng(7)
    hits = 0
    for _ in range(1500):
        weight = random.integers(50, 150, n).astype(float)
        noise = random.normal(size=n)
        for i in range(1, n):
            noise[i] = rho * noise[i - 1] + np.sqrt(1 - rho**2) * noise[i]
        low, high = make((0.1 + 0.5 * noise) * weight, weight)
        hits += low <= 0.1 <= high
    return hits / 1500


def test_intervals_over_blocks_hold_the_truth():
    assert _covered(0.0, 40, lambda up, down: over_blocks(up, down).interval(0.95)) > 0.93


def test_blocks_do_not_count_what_is_alike_as_often_as_there_are_cells():
    def by_cell(up, down):
        ratio = up.sum() / down.sum()
        rest = up - ratio * down
        half = stats.t.ppf(0.975, len(up) - 1) * rest.std(ddof=1) * np.sqrt(len(up)) / down.sum()
        return ratio - half, ratio + half

    by_block = _covered(0.5, 40, lambda up, down: over_blocks(up, down).interval(0.95))
    assert by_block > 0.84
    assert by_block > _covered(0.5, 40, by_cell) + 0.08
