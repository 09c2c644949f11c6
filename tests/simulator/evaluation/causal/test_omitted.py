"""Omitted variables: the bound is the bias where one is really left out, and covariates are ranked by what they do."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.evaluation.causal.least_squares import residual, with_constant
from simulator.evaluation.causal.newton import fit_logistic
from simulator.evaluation.causal.observed import Observed
from simulator.evaluation.causal.omitted import GRID, LinearEffect, benchmarks, linear_effect

N = 4000


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(4)
    x, u = rng.normal(size=(N, 2)), rng.normal(size=N)
    a = (x[:, 0] + 0.2 * x[:, 1] + u + rng.logistic(size=N) > 0).astype(float)
    y = (0.5 * a + 0.3 * x[:, 0] + 0.8 * u + rng.logistic(size=N) > 1).astype(float)
    return Observed(x, a, y, np.arange(N), {"weak": (1,), "strong": (0,)}), u


def test_the_bound_is_the_bias_of_leaving_a_variable_out(drawn):
    observed, u = drawn
    a, y = observed.treatment, observed.outcome
    short = linear_effect(observed)
    whole = linear_effect(Observed(np.column_stack([observed.covariates, u]), a, y, observed.user))
    x = with_constant(observed.covariates)
    of_treatment = 1 - (residual(a, np.column_stack([x, u])) ** 2).sum() / (residual(a, x) ** 2).sum()
    with_a = np.column_stack([x, a])
    of_outcome = 1 - (residual(y, np.column_stack([with_a, u])) ** 2).sum() / (residual(y, with_a) ** 2).sum()
    assert short.bias(of_outcome, of_treatment) == pytest.approx(short.value - whole.value)
    contours = short.contours()
    assert contours.shape == (4, 4)
    assert contours[1, 2] == short.bias(GRID[1], GRID[2])
    assert (np.diff(contours, axis=0) > 0).all()
    assert (np.diff(contours, axis=1) > 0).all()


@pytest.mark.parametrize("value", [0.001, 0.2, -0.5, 3.0])
def test_the_robustness_value_takes_the_whole_effect_away(value):
    effect = LinearEffect(value, 0.7)
    assert 0 < effect.robustness < 1
    assert effect.bias(effect.robustness, effect.robustness) == pytest.approx(abs(value))


def test_covariates_are_left_out_one_by_one(drawn):
    observed, _ = drawn
    found = benchmarks(observed)
    assert list(found) == ["strong", "weak"]
    strong, weak = found["strong"], found["weak"]
    assert strong.most > strong.strength > weak.strength > 1
    assert strong.of_treatment > weak.of_treatment >= 0
    x, a = observed.covariates, observed.treatment
    odds = [p / (1 - p) for p in (fit_logistic(x, a)(x), fit_logistic(x[:, 1:], a)(x[:, 1:]))]
    ratio = odds[0] / odds[1]
    assert strong.most == pytest.approx(np.maximum(ratio, 1 / ratio).max())
    assert strong.strength == pytest.approx(np.quantile(np.maximum(ratio, 1 / ratio), 0.95))
    both = with_constant(x)
    share = 1 - (residual(a, both) ** 2).sum() / (residual(a, with_constant(x[:, 1:])) ** 2).sum()
    assert strong.of_treatment == pytest.approx(share)
