"""Each estimator against a world in closed form whose constants are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.fitting.amounts import between
from simulator.fitting.estimates import rounded_shares, written_duration
from simulator.fitting.mixture import (
    Mixture,
    censored_hazard,
    fit_mixture,
    integrated_hazard,
    level_of,
    reaching,
)
from simulator.fitting.popularity import population
from simulator.fitting.rhythm import pay_rhythm
from simulator.fitting.roots import crossing
from simulator.fitting.sales import match_sale
from simulator.histogram import LogHistogram
from simulator.units import HOUR, parse_duration

WEIGHTS, SCALES, LEVEL, WINDOW = np.array([0.25, 0.15, 0.6]), np.array([0.115, 1.26, 44.0]), 0.35, 72.0


def mass(hours):
    return WEIGHTS @ -np.expm1(-np.atleast_1d(hours) / SCALES[:, None])


def waits(rng, n, level=LEVEL):
    """Waits (hours) of those whose event comes inside the window, by inverting the integrated hazard."""
    grid = np.concatenate([[0.0], np.geomspace(1e-5, WINDOW, 20_000)])
    target = rng.exponential(size=n)
    hazard = level * mass(grid)
    return np.where(target < hazard[-1], np.interp(target, hazard, grid), np.inf)


def binned(hours):
    histogram = LogHistogram(1, 0, 45)
    hours = hours[np.isfinite(hours)]
    histogram.add(np.zeros(len(hours), np.int64), hours * HOUR)
    return histogram.edges() / HOUR, histogram.counts[0].astype(np.float64)


@pytest.mark.parametrize("level", [0.1, 0.35, 2.0])
def test_the_mixture_is_recovered_at_any_rate(level):
    rng = np.random.default_rng(0)
    n = 200_000
    edges, counts = binned(waits(rng, n, level))
    at_risk = n - np.concatenate([[0.0], np.cumsum(counts)[:-1]])
    found = fit_mixture(edges, integrated_hazard(counts, at_risk), WINDOW, int(counts.sum()), 3)
    assert found is not None
    assert found.level == pytest.approx(level, rel=0.03)
    np.testing.assert_allclose(found.weights, WEIGHTS, atol=0.03)
    np.testing.assert_allclose(found.scales, SCALES, rtol=0.15)
    assert found.gap < 0.01


def test_a_shrinking_window_does_not_bias_the_mixture():
    """Gaps that must end before a window that began earlier: most of the long ones are never seen."""
    rng = np.random.default_rng(1)
    n = 200_000
    rest, wait = rng.uniform(0, WINDOW, n), waits(rng, n, 1.0)
    edges, counts = binned(wait[wait <= rest])
    could = n * np.clip(1 - (edges[1:] + edges[:-1]) / 2 / WINDOW, 0, 1)
    found = fit_mixture(edges, censored_hazard(counts, np.where(could > 0.02 * n, could, 0)), WINDOW, n, 3)
    assert found is not None
    np.testing.assert_allclose(found.weights, WEIGHTS, atol=0.04)
    level = level_of(found, rest, np.ones(n), float((wait <= rest).sum()))
    assert level == pytest.approx(1.0, rel=0.03)
    naive = fit_mixture(edges, counts, WINDOW, n, 3)
    assert naive is not None
    assert abs(naive.weights[-1] - WEIGHTS[-1]) > 0.05


def test_few_or_no_events_give_no_mixture_or_a_simple_one():
    edges = np.geomspace(1e-3, 100, 50)
    assert fit_mixture(edges, np.zeros(49), 72.0, 0, 3) is None
    one = np.zeros(49)
    one[20] = 1.0
    found = fit_mixture(edges, one, 72.0, 20, 3)
    assert found is not None
    assert len(found.scales) == 1


def test_components_that_are_one_are_joined():
    rng = np.random.default_rng(2)
    wait = rng.exponential(2.0, 100_000)
    edges, counts = binned(wait[wait < WINDOW])
    found = fit_mixture(edges, counts / 1e6, WINDOW, len(wait), 3)
    assert found is not None
    assert found.weights @ found.scales == pytest.approx(2.0, rel=0.03)
    assert (found.scales[1:] / found.scales[:-1] > 1.3).all()


def test_a_world_can_always_reach_into_its_window():
    fast = Mixture(np.ones(1), np.full(1, 0.01), 1.0, 100, 0.0)
    far = reaching(fast, 72.0)
    assert far.scales[-1] == 24
    assert far.weights.sum() == pytest.approx(1)
    slow = Mixture(np.ones(1), np.full(1, 40.0), 1.0, 100, 0.0)
    assert reaching(slow, 72.0) is slow


def test_the_hour_of_day_is_told_from_the_hours_of_the_clicks():
    rng = np.random.default_rng(3)
    n, level = 1_500_000, 0.04  # so rare that nobody would have paid twice
    hazard = 1 + 0.8 * np.sin(np.arange(24) / 24 * 2 * np.pi)
    clicks = 1 + 0.7 * np.cos(np.arange(24) / 24 * 2 * np.pi)
    hour = rng.choice(24, n, p=clicks / clicks.sum()) + rng.random(n)
    # Thinning: candidates at the highest hazard, kept in proportion to that of their hour.
    wait = waits(rng, n, level * hazard.max())
    when = hour + np.where(np.isfinite(wait), wait, 0)
    kept = np.isfinite(wait) & (rng.random(n) < hazard[(when % 24).astype(int)] / hazard.max())
    pays = np.bincount((when[kept] % 24).astype(int), minlength=24).astype(np.float64)
    edges, counts = binned(wait[kept])
    seen = fit_mixture(edges, counts / n, WINDOW, int(counts.sum()), 3)
    assert seen is not None
    found, mixture = pay_rhythm(clicks * n / clicks.sum(), pays, seen, WINDOW)
    np.testing.assert_allclose(found, hazard / hazard.mean(), atol=0.12)
    np.testing.assert_allclose(mixture.weights, WEIGHTS, atol=0.04)
    assert found.mean() == pytest.approx(1)


@pytest.mark.parametrize(("size", "exponent"), [(40_000, 0.7), (5_000, 0.0), (20_000, 1.2)])
def test_a_population_is_known_by_its_coincidences(size, exponent):
    rng = np.random.default_rng(4)
    share = (np.arange(size) + 3.0) ** -exponent
    counts = rng.multinomial(300_000, share / share.sum()).astype(np.float64)
    # Steep tails are seen less: most of their ids are never clicked.
    found, steep = population(300_000, float((counts > 0).sum()), float((counts * (counts - 1)).sum()))
    assert found == pytest.approx(size, rel=0.05 if exponent < 1 else 0.15)
    assert steep == pytest.approx(exponent, abs=0.06)


def test_variance_between_groups_is_henderson_s():
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 9, 4000)
    group = np.repeat(np.arange(4000), sizes)
    y = rng.normal(0, 0.7, 4000)[group] + rng.normal(2, 1.1, len(group))
    sums = np.stack([np.bincount(group, w) for w in (np.ones(len(group)), y, y**2)])
    assert between(sums) == pytest.approx(0.49, rel=0.08)
    assert between(np.stack([np.ones(5), np.arange(5.0), np.arange(5.0) ** 2])) == 0


@given(st.floats(1e-6, 1e4))
@settings(max_examples=60)
def test_durations_are_written_to_four_digits(hours):
    read = parse_duration(written_duration(hours)) / HOUR
    assert read == pytest.approx(hours, rel=6e-4, abs=1 / 3.6e6)


@given(st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=6))
def test_shares_sum_to_one_when_rounded(weights):
    whole = np.array(weights) / sum(weights)
    assert sum(rounded_shares(whole)) == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(rounded_shares(whole), whole, atol=4e-4)


SALE = {
    ("waiting", "floor"): 0.1, ("waiting", "rise"): 0.4, ("waiting", "returns"): 0.5,
    ("conversion", "interest"): 0.1, ("conversion", "rush"): 0.4, ("conversion", "base"): 0.3,
    ("conversion", "opening"): 7.0, ("conversion", "closing"): 2.8, ("conversion", "dip"): 0.4,
    ("cart", "during"): 1.3, ("traffic", "during"): 1.6, ("traffic", "opening"): 1.7,
}  # fmt: skip
FACTS = {
    **{f"pays_per_click.day{d}": 0.9 for d in range(-8, 2)}, **{f"carts_per_click.day{d}": 1.1 for d in range(-8, 2)},
    "clicks.day0": 1.9, "old_pay_share.day0": 0.4, **{f"hour.pays.{h}": 1 / 24 for h in range(24)},
}  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "key", "up"),
    [
        ("carts_per_click.day-1", ("waiting", "rise"), True),
        ("old_pay_share.day0", ("waiting", "returns"), True),
        ("pays_per_click.day-1", ("conversion", "rush"), True),
        ("pays_per_click.day0", ("conversion", "base"), True),
        ("hour.pays.1", ("conversion", "opening"), True),
        ("hour.pays.22", ("conversion", "closing"), True),
        ("pays_per_click.day1", ("conversion", "dip"), False),
        ("clicks.day0", ("traffic", "during"), True),
    ],
)
def test_each_key_of_a_sale_follows_its_own_fact(fact, key, up):
    still, moved = dict(SALE), dict(SALE)
    match_sale(still, FACTS, FACTS, 2.0, 1.0)
    assert still == pytest.approx(SALE)
    match_sale(moved, {**FACTS, fact: FACTS[fact] * 1.1}, FACTS, 2.0, 1.0)
    assert (moved[key] > SALE[key]) == up
    others = {k for k in SALE if moved[k] != pytest.approx(SALE[k])} - {key}
    assert others <= {("traffic", "opening"), ("conversion", "opening"), ("conversion", "closing")}


def test_pays_that_are_missing_beyond_interest_are_waited_for():
    moved = dict(SALE)
    early = {f"pays_per_click.day{d}": 0.6 for d in range(-8, -3)}
    match_sale(moved, {**FACTS, **early}, FACTS, 0.0, 1.0)
    assert moved["conversion", "interest"] == 0
    assert moved["waiting", "floor"] > SALE["waiting", "floor"]
    assert moved["waiting", "floor"] + moved["waiting", "rise"] <= 0.95


@pytest.mark.parametrize(("root", "found"), [(0.5, 0.5), (-1.0, 0.0), (0.0, 0.0), (3.0, 3.0), (7.0, 3.0)])
def test_a_root_out_of_reach_is_the_nearer_end(root, found):
    assert crossing(lambda x: x**3 - root**3, 0.0, 3.0) == pytest.approx(found, abs=1e-10)
