"""The mass of cohorts against a plain sum over clicks; what is forgotten, kept and refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from learners.twice.cohorts import LEAST, CohortMass, Cohorts
from learners.twice.delays import EDGES, RATES, bounds, bucket, passed
from learners.twice.fields import Groups, chosen
from simulator.errors import ScenarioError
from simulator.learning import Clicks
from simulator.log.schema import Feature
from simulator.units import DAY, HOUR, MINUTE

FEATURES = (Feature("item", 900), Feature("device", 3), Feature("labels", 9, 2, "tags"), Feature("kind", 4))
FIELDS = ("device", "kind")
ATTRIBUTION = 3 * DAY


def clicks_of(n, seed=0, days=6):
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, f.cardinality, (n, f.width)) for f in FEATURES]
    time = np.sort(rng.integers(0, days * DAY, n))
    return Clicks(np.arange(n), time, np.concatenate(columns, axis=1).astype(np.int32)), rng.random(n)


def heard(part=None, n=600):
    mass = CohortMass(part or Cohorts(), Groups(FIELDS, FEATURES), ATTRIBUTION)
    clicks, rate = clicks_of(n)
    for day in range(6):
        own = clicks.time // DAY == day
        mass.hear(clicks[own], np.full(own.sum(), (day + 1) * DAY), {"cvr": rate[own]})
    return mass, clicks, rate


def arrivals(samples, clicks, n=40):
    rng = np.random.default_rng(2)
    place = rng.choice(np.flatnonzero(clicks.time > 3 * DAY), n)
    delay = rng.integers(1, 2 * DAY, n)
    converts = rng.random(n) < 0.8
    return samples(
        n, converted=1.0, role="conversion", elapsed=delay, event_time=clicks.time[place] + delay,
        delay=np.where(converts, delay, np.nan), features=clicks.features[place],
    )  # fmt: skip


def plain(clicks, mass, arrival, features):
    """Rate of mass of each bucket's cohort: every click spread over its hour, cut to the bucket."""
    edges, found = bounds(ATTRIBUTION), []
    alike = (clicks.features[:, [1, 4]] == features[[1, 4]]).all(axis=1)
    for low, high in pairwise(edges):
        total = 0.0
        for time, weight in zip(clicks.time[alike], mass[alike], strict=True):
            hour = time // HOUR * HOUR
            inside = min(hour + HOUR, arrival - low) - max(hour, arrival - high)
            total += weight * max(inside, 0.0) / HOUR
        found.append(total / (high - low) if high > low else 0.0)
    return np.array(found)


@pytest.mark.parametrize("by", ["cvr", "clicks"])
def test_rates_are_the_mass_of_the_clicks_an_arrival_may_be_from(by, samples):
    mass, clicks, rate = heard(Cohorts(by=by))
    rows = arrivals(samples, clicks)
    found = mass.of_samples(rows)
    weight, beyond = rate if by == "cvr" else np.ones(len(rate)), np.diff(bounds(ATTRIBUTION)) == 0
    for k, delay in enumerate(rows.column("delay")):
        expected = np.where(beyond, LEAST, 0.0)
        if np.isfinite(delay):
            rates = plain(clicks, weight, rows.event_time[k], rows.features[k])
            expected = np.maximum(np.log(np.maximum(rates / rates.max(), 1e-300)), LEAST)
        np.testing.assert_allclose([found[name][k] for name in RATES], expected, rtol=1e-8, atol=1e-8)


def test_a_conversion_whose_cohort_was_never_told_says_nothing(samples):
    mass = CohortMass(Cohorts(), Groups((), ()), ATTRIBUTION)
    early = Clicks(np.arange(3), np.full(3, 2 * DAY), np.empty((3, 0), np.int32))
    mass.hear(early, np.full(3, 3 * DAY), {"cvr": np.full(3, 0.1)})
    rows = samples(
        1, converted=1.0, role="conversion", elapsed=MINUTE, event_time=5 * HOUR, delay=float(MINUTE)
    )
    told = {round(float(values[0])) for values in mass.of_samples(rows).values()}
    assert told == {0, round(LEAST)}


def test_what_is_too_old_to_convert_is_forgotten():
    mass, _, _ = heard()
    assert len(mass.state_dict()["mass"]) <= 2 * ATTRIBUTION // HOUR + 2


def test_it_goes_on_from_a_state_to_the_bit(samples):
    straight, clicks, _ = heard()
    state = straight.state_dict()
    resumed = CohortMass(Cohorts(), Groups(FIELDS, FEATURES), ATTRIBUTION)
    resumed.load_state_dict(state)
    more, rate = clicks_of(200, seed=4, days=7)
    for mass in (straight, resumed):
        mass.hear(more, np.full(200, 7 * DAY), {"cvr": rate})
    rows = arrivals(samples, clicks)
    for name, values in straight.of_samples(rows).items():
        np.testing.assert_array_equal(values, resumed.of_samples(rows)[name])
    with pytest.raises(ValueError, match="12 groups, not 1"):
        CohortMass(Cohorts(), Groups((), ()), ATTRIBUTION).load_state_dict(state)


def test_fields_are_few_and_named_right():
    assert chosen((), FEATURES) == ("device", "kind")
    assert chosen((), (Feature("item", 900),)) == ()
    assert chosen(("item",), FEATURES) == ("item",)
    with pytest.raises(ScenarioError, match="Did you mean 'device'"):
        chosen(("devise",), FEATURES)
    with pytest.raises(ScenarioError, match="labels"):
        chosen(("labels",), FEATURES)
    with pytest.raises(ScenarioError, match="10,800 groups; allowed: 4,096"):
        chosen(("item", "device", "kind"), FEATURES)


def test_buckets_hold_their_ends():
    assert bucket(np.array([1, 5 * MINUTE, 5 * MINUTE + 1, 30 * DAY, 90 * DAY])).tolist() == [0, 0, 1, 14, 14]
    part = passed(np.array([0.0, 10 * MINUTE, np.inf]))
    assert part[:, 0].sum() == 0
    assert part[:2, 1].tolist() == [1.0, 0.5]
    assert part[:, 2].sum() == len(EDGES)
    assert bounds(60 * DAY)[-1] == 60 * DAY
    assert bounds(6 * DAY)[-4:].tolist() == [5 * DAY, 6 * DAY, 6 * DAY, 6 * DAY]
