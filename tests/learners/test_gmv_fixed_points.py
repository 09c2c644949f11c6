"""One-cell worlds of amounts: feed exactly what a policy delivers, and see where each loss settles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.batch import Batch
from learners.objectives import OBJECTIVES
from learners.serve import LINKS

P, LATE = 0.20, 0.08
AMOUNTS = np.random.default_rng(5).lognormal(3.5, 0.9, 4001)


def completed(objective, batch, estimates=None, start=None):
    """Return the outputs, one for the whole cell, where the loss has no slope left."""
    n = len(batch)
    known = {k: torch.full((n,), v, dtype=torch.float64) for k, v in (estimates or {}).items()}
    told = Batch(batch, known, torch.float64)
    begin = dict.fromkeys(objective.heads, 0.5) | (start or {})
    cell = {k: torch.tensor([v], dtype=torch.float64, requires_grad=True) for k, v in begin.items()}
    for rate in (0.1, 0.01, 0.001):
        optimiser = torch.optim.Adam(cell.values(), lr=rate)
        for _ in range(120):
            optimiser.zero_grad()
            objective.loss(told, {head: value.expand(n) for head, value in cell.items()}).backward()
            optimiser.step()
    return {head: value.detach().numpy() for head, value in cell.items()}


def final(samples, counts=(P, 1 - P)):
    """Every click once, as it is in the end: the share P pays one of the amounts."""
    n = len(AMOUNTS)
    gmv = np.append(AMOUNTS, np.nan)
    weight = np.append(np.full(n, counts[0] / n), counts[1])
    return samples(n + 1, converted=np.append(np.ones(n), 0.0), gmv=gmv, weight=(n + 1) * weight)


def test_hurdle_settles_at_probability_and_mean(samples):
    served = LINKS["expected"]().serve(completed(OBJECTIVES["hurdle"](), final(samples), start={"gmv": 3.0}))
    assert served["cvr"][0] == pytest.approx(P, abs=1e-3)
    assert served["gmv"][0] == pytest.approx(AMOUNTS.mean(), rel=5e-3)
    assert served["value"][0] == pytest.approx(P * AMOUNTS.mean(), rel=1e-2)


def test_a_median_is_no_expected_value(samples):
    objective = OBJECTIVES["hurdle"](amount="log-mae")
    served = LINKS["expected"]().serve(completed(objective, final(samples), start={"gmv": 3.0}))
    assert served["gmv"][0] == pytest.approx(np.median(AMOUNTS), rel=2e-2)
    assert served["value"][0] < 0.75 * P * AMOUNTS.mean()


def test_ziln_settles_at_the_log_normal(samples):
    outputs = completed(OBJECTIVES["ziln"](), final(samples), start={"mu": 2.0})
    served = LINKS["expected-lognormal"]().serve(outputs)
    logs = np.log(AMOUNTS)
    assert served["cvr"][0] == pytest.approx(P, abs=1e-3)
    assert outputs["mu"][0] == pytest.approx(logs.mean(), abs=1e-2)
    assert served["gmv"][0] == pytest.approx(np.exp(logs.mean() + logs.var() / 2), rel=1e-2)


def test_what_is_taken_back_does_not_bias_the_probability(samples):
    """windowed-gmv with every click: late conversions are negatives first, taken back as they are corrected."""
    converted = [1.0, 0.0, 0.0, 1.0]
    counts = np.array([P - LATE, 1 - P + LATE, -LATE, LATE])
    for kind in ("hurdle", "ziln"):
        kept = samples(4, converted=converted, gmv=[50, np.nan, np.nan, 50], weight=counts)
        both = completed(OBJECTIVES[kind](), kept, start={"gmv": 3.0, "mu": 3.0, "spread": 1.0})
        assert 1 / (1 + np.exp(-both["cvr"][0])) == pytest.approx(P, abs=1e-3)


@pytest.mark.parametrize("level", [0.2, 0.5, 0.9])
def test_quantile_settles_at_its_level(level, samples):
    n = len(AMOUNTS)
    outputs = completed(OBJECTIVES["quantile"](level=level), samples(n, gmv=AMOUNTS), start={"gmv": 3.0})
    served = LINKS["amount"]().serve(outputs)["gmv"][0]
    assert np.mean(served > AMOUNTS) == pytest.approx(level, abs=0.01)


def test_partial_labels_pull_down_and_calibration_puts_back(samples):
    """Everybody pays twice, 30 and then 20: partial labels settle online-dual at the first, READER at the sum.

    The growth that the calibrator says is that after the first pay; the second one has none left.
    """
    first = samples(1, gmv=30.0, pay_count=1, role="partial")
    start = {"gmv_single": 3.0, "gmv_repurchase": 3.0}
    for kind, expected in (("routed-log-mae", 30), ("reader", 50)):
        growth = float(np.log1p(50) - np.log1p(30))
        outputs = completed(OBJECTIVES[kind](), first, {"repurchase": 1.0, "growth": growth}, start)
        served = LINKS["routed"]().serve({**outputs, "repurchase": np.ones(1)})["gmv"][0]
        assert served == pytest.approx(expected, rel=1e-2)


def test_a_final_label_overrules_a_wrong_calibration(samples):
    """Attraction to the final label outweighs the repulsion from the partial one, wherever that lies."""
    for growth in (0.0, 0.5, 2.0):
        batch = samples(1, gmv=50.0, previous_gmv=50.0, pay_count=2, role="final")
        start = {"gmv_single": 3.0, "gmv_repurchase": 3.0}
        outputs = completed(OBJECTIVES["reader"](), batch, {"repurchase": 0.5, "growth": growth}, start)
        assert np.expm1(outputs["gmv_repurchase"][0]) == pytest.approx(50, rel=1e-2)
        assert outputs["gmv_single"][0] == 3.0, "the true tower answers alone"
