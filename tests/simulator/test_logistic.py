"""The logistic function where its formula overflows, and back."""

import numpy as np

from simulator.logistic import expit, logit


def test_it_neither_overflows_nor_warns():
    with np.errstate(all="raise", under="ignore"):
        found = expit(np.array([-1000.0, -40.0, 0.0, 2.0, 40.0, 1000.0]))
    np.testing.assert_allclose(found, [0, 4.248354255291589e-18, 0.5, 0.8807970779778823, 1, 1], rtol=1e-14)


def test_it_is_undone():
    odds = np.linspace(-30, 10, 41)
    np.testing.assert_allclose(logit(expit(odds)), odds, atol=1e-10)
    assert logit(np.array([0.0, 1.0])).tolist() == [-np.inf, np.inf]
