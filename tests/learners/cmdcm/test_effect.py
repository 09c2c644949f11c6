"""What carts are estimated to do, in worlds where it is known (table 10.3)."""

import numpy as np
import pytest

from learners.cmdcm.estimator import arms
from simulator.evaluation.causal.observed import Observed
from tests.carted import Carted

N = 60_000


def drawn(world, n=N):
    return world.draw(n, np.random.default_rng(3))


@pytest.mark.parametrize("by", ["dr", "ips"])
def test_without_hidden_intent_both_rates_are_found(by):
    observed, one, none, _ = drawn(Carted(0.0, 0.0, 1.5))
    found = arms(observed, by=by, folds=5, clip=0.02)(observed.covariates)
    error = 0.006 if by == "dr" else 0.01
    assert found["theta1"].mean() == pytest.approx(one.mean(), abs=error)
    assert found["theta0"].mean() == pytest.approx(none.mean(), abs=error)
    assert found["tau"].mean() == pytest.approx((one - none).mean(), abs=error)
    if by == "dr":
        x = np.array([-1.0, 0.0, 1.0])
        _, true, _ = Carted(0.0, 0.0, 1.5).chances(x, 0)
        said = arms(observed, by=by, folds=5, clip=0.02)(np.column_stack([x, x**2]))["theta1"]
        np.testing.assert_allclose(said, true, rtol=0.15)


def test_hidden_intent_is_taken_for_an_effect():
    """W6: carts do nothing, and the referee's objection is that no such estimate can tell."""
    observed, *_ = drawn(Carted(1.0, 1.0, 0.0))
    found = arms(observed, by="dr", folds=5, clip=0.02)(observed.covariates)
    assert 0.012 < found["tau"].mean() < 0.035


def test_an_arm_of_nobody_is_refused():
    nobody = Observed(np.zeros((10, 1)), np.ones(10), np.zeros(10), np.arange(10))
    with pytest.raises(ValueError, match="both arms"):
        arms(nobody, by="dr", folds=5, clip=0.02)
