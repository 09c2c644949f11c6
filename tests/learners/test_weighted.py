"""What the weights of a click add up to over its deliveries: its rate p and 1 - p, once they are divided by their number."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from learners.objectives.base import Weighted
from tests.learners.test_cvr_fixed_points import CARD, CASCADE

TWICE = "elapsed and certain"


def stream_of(cell, name):
    return [*cell.elapsed, ("real_negative", 0, 1 - cell.p)] if name == TWICE else getattr(cell, name)


@pytest.mark.parametrize("cell", [CARD, CASCADE])
@pytest.mark.parametrize(
    ("kind", "stream", "parameters"),
    [
        ("es-dfm", "elapsed", {}),
        ("defer", "duplicate", {}),
        ("defer", "duplicate", {"ratio": "signed"}),
        ("defuse", "elapsed", {}),
        ("ddfm", TWICE, {}),
        ("fnw", "fake_negative", {}),
        ("fnw", "fake_negative", {"rate": "pre-trained"}),
        ("fsiw", "first", {}),
    ],
)
def test_a_clicks_weights_are_its_rate(kind, stream, parameters, cell, samples):
    roles, labels, counts = zip(*stream_of(cell, stream), strict=True)
    n, objective = len(roles), OBJECTIVES[kind](**parameters)
    estimates = {name: torch.full((n,), v, dtype=torch.float64) for name, v in cell.estimates.items()}
    batch = Batch(samples(n, converted=labels, role=roles), estimates, torch.float64)
    outputs = {"cvr": torch.full((n,), np.log(cell.p / (1 - cell.p)), dtype=torch.float64)}
    times = objective.deliveries(batch, outputs)
    up, down = (
        float((side / times * torch.tensor(counts, dtype=torch.float64)).sum())
        for side in objective.weights(batch, outputs)
    )
    assert (up, down) == pytest.approx((cell.p, 1 - cell.p), rel=1e-12)


def test_settlement_has_the_slope_of_its_own_loss(samples):
    rng = np.random.default_rng(0)
    n = 200
    told = {
        name: np.where(rng.random(n) < 0.4, np.nan, rng.normal(0, 2, n)) for name in ("evidence", "prior")
    }
    before = np.where(rng.random(n) < 0.5, np.nan, rng.normal(0, 2, n))
    rows = samples(
        n, converted=rng.integers(0, 2, n), weight=rng.choice([1.0, 0.5], n), **told, previous_evidence=before
    )
    for beliefs in ("current", "frozen"):
        objective, slopes = OBJECTIVES["settlement"](beliefs=beliefs), []
        for loss in (objective.loss, lambda *given: Weighted.loss(objective, *given)):  # noqa: B023 - called before the loop goes on
            logit = torch.tensor(np.random.default_rng(1).normal(0, 2, n), requires_grad=True)
            loss(Batch(rows, None, torch.float64), {"cvr": logit}).backward()
            slopes.append(logit.grad.numpy())
        np.testing.assert_allclose(slopes[1], slopes[0], rtol=1e-9, atol=1e-14)
