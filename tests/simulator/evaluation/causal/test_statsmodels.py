"""The same estimators as statsmodels has: their values, and standard errors that resampled users agree with."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.sandbox.regression.gmm import IV2SLS
from statsmodels.treatment.treatment_effects import TreatmentEffect

from simulator.evaluation.causal.effects import ESTIMANDS, ESTIMATORS, effects
from simulator.evaluation.causal.instruments import two_stage
from simulator.evaluation.causal.nuisances import Nuisances
from simulator.evaluation.causal.omitted import linear_effect
from simulator.evaluation.causal.resampling import over_users
from tests.carted import Carted

ROWS = 8_000


@pytest.fixture(scope="module")
def world():
    """Rows, each of a user of its own, the instrument, and the covariates with a constant."""
    observed, _, _, z = Carted(0.5, 0.5, 1.5, base=-2.0, prominence=1.0).draw(ROWS, np.random.default_rng(2))
    return observed, z, sm.add_constant(observed.covariates)


def test_effects_of_the_same_nuisances(world):
    observed, _, design = world
    a, y = observed.treatment, observed.outcome
    chosen = sm.Logit(a, design).fit(disp=0)
    arms = (sm.OLS(y[a == arm], design[a == arm]).fit().predict(design) for arm in (1, 0))
    ours = effects(observed, Nuisances(chosen.predict(design), *arms))
    resampled = over_users(ours, observed.user, np.random.default_rng(1), resamples=400)
    shape = len(ESTIMATORS), len(ESTIMANDS)
    value, error = resampled.value.reshape(shape), resampled.drawn.std(0).reshape(shape)
    columns = [ESTIMANDS.index(name) for name in ("ate", "untreated", "treated")]
    theirs = TreatmentEffect(sm.OLS(y, design), a.astype(int), results_select=chosen)
    for estimator, found in (
        ("ips", theirs.ipw()),
        ("outcome regression", theirs.ra()),
        ("doubly robust", theirs.aipw()),
    ):
        row = ESTIMATORS.index(estimator)
        np.testing.assert_allclose(value[row, columns], found.effect, rtol=1e-6)
        if estimator == "doubly robust":  # the others feel that nuisances are estimated (`effects` says so)
            np.testing.assert_allclose(error[row, columns[:2]], found.results_gmm.bse[:2], rtol=0.12)


def test_two_stages(world):
    observed, z, design = world
    theirs = IV2SLS(
        observed.outcome,
        np.column_stack([observed.treatment, design]),
        np.column_stack([z, design]),
    ).fit()
    ours = over_users(two_stage(observed, z), observed.user, np.random.default_rng(1), resamples=400)
    assert ours.value[0] == pytest.approx(theirs.params[0], rel=1e-9)
    assert ours.drawn.std() == pytest.approx(theirs.bse[0], rel=0.12)


def test_a_linear_effect_and_its_error(world):
    observed, _, design = world
    theirs = sm.OLS(observed.outcome, np.column_stack([observed.treatment, design])).fit()
    ours = linear_effect(observed)
    assert ours.value == pytest.approx(theirs.params[0], rel=1e-9)
    assert ours.scale / np.sqrt(theirs.df_resid) == pytest.approx(theirs.bse[0], rel=1e-9)
