"""What is served from raw outputs."""

from __future__ import annotations

import numpy as np
import pytest

from learners.serve import LINKS
from learners.serve.odds import Odds
from simulator.logistic import expit


def test_odds_undo_the_duplicates_and_are_clipped():
    p = np.array([0.01, 0.2, 0.79, 0.95, 1.0])
    q = p / (1 + p)
    served = Odds().serve({"cvr": np.log(q / (1 - q))})["cvr"]
    np.testing.assert_allclose(served, np.minimum(p, 0.8))
    assert Odds().serve({"cvr": np.array([900.0])})["cvr"][0] == pytest.approx(0.8)


def test_sigmoid_without_overflow():
    with np.errstate(over="raise"):
        np.testing.assert_allclose(
            expit(np.array([-1000.0, 0.0, 2.0, 1000.0])), [0, 0.5, 0.8807970779778823, 1]
        )


def test_amounts_are_never_negative_nor_infinite():
    served = LINKS["amount"]().serve({"gmv": np.array([-3.0, 0.0, np.log1p(20.0), 1e6])})["gmv"]
    np.testing.assert_allclose(served[:3], [0, 0, 20])
    assert np.isfinite(served).all()
