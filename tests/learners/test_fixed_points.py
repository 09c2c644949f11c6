"""The one-cell world: deliver exact expected counts of each sample, and see where each loss settles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from learners.serve import LINKS

P, DELAYED = 0.20, 0.08
REAL_NEGATIVE = (1 - P) / (1 - P + DELAYED)

AT_CLICK = [(1.0, P), (0.0, 1 - P)]
FAKE_NEGATIVE = [(0.0, 1.0), (1.0, P)]
WINDOW = [(1.0, P - DELAYED), (0.0, 1 - P + DELAYED)]
ELAPSED = [*WINDOW, (1.0, DELAYED)]


def optimum(objective: str, stream, samples, link: str = "probability") -> float:
    """Return what is served where the gradient over one logit vanishes."""
    labels, counts = zip(*stream, strict=True)
    n = len(labels)
    estimates = {
        "p_dp": torch.full((n,), DELAYED, dtype=torch.float64),
        "p_rn": torch.full((n,), REAL_NEGATIVE, dtype=torch.float64),
    }
    batch = Batch(samples(n, converted=labels, weight=counts), estimates, torch.float64)
    logit = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logit], lr=0.5, max_iter=200, tolerance_grad=1e-12, tolerance_change=0)

    def closure():
        optimiser.zero_grad()
        loss = OBJECTIVES[objective]().loss(batch, {"cvr": logit.expand(n)})
        loss.backward()
        return loss

    optimiser.step(closure)
    return float(LINKS[link]().serve({"cvr": logit.detach().numpy()})["cvr"][0])


@pytest.mark.parametrize(
    ("objective", "stream", "link", "expected"),
    [
        ("bce", AT_CLICK, "probability", P),
        ("bce", FAKE_NEGATIVE, "probability", P / (1 + P)),
        ("bce", FAKE_NEGATIVE, "odds", P),
        ("fnw", FAKE_NEGATIVE, "probability", P),
        ("es-dfm", ELAPSED, "probability", P),
        ("bce", ELAPSED, "probability", P / (1 + DELAYED)),
        ("bce", WINDOW, "probability", P - DELAYED),
    ],
)
def test_fixed_point(objective, stream, link, expected, samples):
    assert optimum(objective, stream, samples, link) == pytest.approx(expected, abs=1e-3)


def test_a_retraction_undoes_a_delivery(samples):
    """A negative that is taken back with weight -1 leaves what was delivered beside it."""
    retracted = [(0.0, 1.0), (0.0, -P), (1.0, P)]
    assert optimum("bce", retracted, samples) == pytest.approx(P, abs=1e-3)


def test_soft_targets_settle_at_their_mean(samples):
    assert optimum("bce", [(0.3, 2.0), (0.1, 1.0)], samples) == pytest.approx(0.7 / 3, abs=1e-3)


def test_log_mae_settles_at_the_weighted_median(samples):
    gmv = np.array([3.0, 10.0, 90.0, 200.0, 1000.0])
    batch = Batch(samples(5, gmv=gmv, converted=1.0, weight=[1, 1, 1, 1, 2]), dtype=torch.float64)
    grid = torch.linspace(0, 9, 9001, dtype=torch.float64)
    losses = [float(OBJECTIVES["log-mae"]().loss(batch, {"gmv": z.expand(5)})) for z in grid]
    best = grid[int(np.argmin(losses))].item()
    assert np.log1p(90) - 1e-2 <= best <= np.log1p(200) + 1e-2
