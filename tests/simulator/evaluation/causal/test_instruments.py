"""Instruments: two stages against their definition and against the truth that no covariate gives away."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.evaluation.causal.effects import effects
from simulator.evaluation.causal.instruments import first_stage, two_stage, wald
from simulator.evaluation.causal.nuisances import cross_fitted
from simulator.evaluation.causal.observed import Observed
from tests.carted import Carted


def bare(observed: Observed) -> Observed:
    return Observed(np.empty((len(observed), 0)), observed.treatment, observed.outcome, observed.user)


@pytest.fixture(scope="module")
def moved():
    return Carted(1.0, 1.0, 0.0, base=-2.0, prominence=1.0).draw(100_000, np.random.default_rng(5))


def test_an_instrument_sees_that_there_is_no_effect_where_covariates_cannot(moved):
    """W6 with a randomised prominence: carts do nothing, and only the instrument says so."""
    observed, _, _, z = moved
    ones = np.ones(len(observed))
    reduced = [observed.outcome[z == value] for value in (0, 1)]
    pull = observed.treatment[z == 1].mean() - observed.treatment[z == 0].mean()
    error = np.sqrt(sum(part.var() / len(part) for part in reduced)) / pull
    assert abs(wald(observed, z)(ones)[0]) < 3 * error
    assert abs(two_stage(observed, z)(ones)[0]) < 3 * error
    assert effects(observed, cross_fitted(observed))(ones)[12] > 6 * error
    assert first_stage(observed, z) > 1000


def test_two_stages_without_covariates_are_the_wald_estimate(moved):
    observed, _, _, z = moved
    weight = np.random.default_rng(1).integers(0, 3, len(z)).astype(float)
    assert two_stage(bare(observed), z)(weight)[0] == pytest.approx(wald(observed, z)(weight)[0], abs=1e-9)
    doubled = np.repeat(np.arange(len(z)), weight.astype(int))
    copied = bare(observed[doubled])
    assert two_stage(copied, z[doubled])(np.ones(len(doubled)))[0] == pytest.approx(
        two_stage(bare(observed), z)(weight)[0]
    )


def test_two_stages_are_two_regressions(moved):
    observed, _, _, z = moved
    some = observed[np.arange(3000)]
    places = np.column_stack([z[:3000], some.covariates[:, 0] * z[:3000]])
    given = np.column_stack([np.ones(3000), some.covariates, places])
    fitted = given @ np.linalg.lstsq(given, some.treatment, rcond=None)[0]
    second = np.column_stack([fitted, np.ones(3000), some.covariates])
    expected = np.linalg.lstsq(second, some.outcome, rcond=None)[0][0]
    assert two_stage(some, places)(np.ones(3000))[0] == pytest.approx(expected, abs=1e-9)


def test_the_first_stage_of_noise_is_small(moved):
    observed = moved[0][np.arange(5000)]
    noise = np.random.default_rng(9).normal(size=(5000, 3))
    assert first_stage(observed, noise) < 4
    # One instrument: the square of its t.
    design = np.column_stack([np.ones(5000), observed.covariates, noise[:, 0]])
    beta, left, *_ = np.linalg.lstsq(design, observed.treatment, rcond=None)
    error = np.sqrt(left[0] / (5000 - 4) * np.linalg.inv(design.T @ design)[-1, -1])
    assert first_stage(observed, noise[:, 0]) == pytest.approx((beta[-1] / error) ** 2)


def test_the_wald_estimate_refuses_what_is_no_coin(moved):
    observed = moved[0]
    for wrong in (np.zeros(len(observed)), np.arange(len(observed)) % 3.0):
        with pytest.raises(ValueError, match="two values 0 and 1"):
            wald(observed, wrong)
