"""The transition block and its loss, against formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.reuse.tuned import NEAREST, reweighted, transition

P, W, B = (
    torch.tensor(values, dtype=torch.float64)
    for values in ([0.1, 0.5, 0.9, 0.02], [1.0, -2.0, 0.3, -5.0], [0.01, -0.02, 0.5, -0.4])
)


def squashed(w):
    return 1 / (1 + np.exp(-w))


@pytest.mark.parametrize(
    ("form", "gain"),
    [
        ("signed", lambda w: 2 * squashed(w) - 1),
        ("raising", squashed),
        ("plain", lambda w: w),
    ],
)
def test_forms(form, gain):
    p, w, b = P.numpy(), W.numpy(), B.numpy()
    expected = np.clip(p + gain(w) * (1 - p) + b, NEAREST, 1 - NEAREST)
    np.testing.assert_allclose(transition(P, W, B, form).numpy(), expected, rtol=1e-12)


def test_none_leaves_the_rate():
    assert torch.equal(transition(P, W, B, "none"), P)


def test_raising_never_lowers_but_by_b():
    assert (transition(P, W, torch.zeros(4), "raising") > P).all()
    assert (transition(P, W, torch.zeros(4), "signed") < P).tolist() == [False, True, False, True]


def test_positives_alone_are_reweighted():
    label = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    plain, double = (reweighted(P, label, weight).item() for weight in (1.0, 2.0))
    assert plain == pytest.approx(torch.nn.functional.binary_cross_entropy(P, label).item())
    assert double - plain == pytest.approx(-np.log([0.1, 0.9]).sum() / 4)
    negatives = torch.zeros(4, dtype=torch.float64)
    assert reweighted(P, negatives, 7.0) == reweighted(P, negatives, 1.0)
