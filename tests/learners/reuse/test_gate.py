"""What TEN's gate can tell, where half of the clicks react to a sale and the everyday rate is still that of other days."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import leaky_relu

from learners.adam import FlatAdam
from learners.batch import Batch
from learners.objectives import OBJECTIVES
from learners.reuse.temporal import GATE, GATED, TemporalExperts
from simulator.ranking import ranking
from tests.learners.conftest import make_samples

BATCH, UNITS, LIFT = 512, 16, 1.5


class Gate:
    """The gate and how it learns: experts promise a click that reacts LIFT more log odds, another (1 - knows) LIFT."""

    def __init__(self, knows: float, seed: int) -> None:
        self.knows, self.random = knows, torch.Generator().manual_seed(seed)
        heads = ("cvr", GATED, GATE)
        self.layers = TemporalExperts(hidden=(UNITS, 8)).build(6, heads, self.random).eval()
        self.adam = FlatAdam(self.layers, 1e-3)
        self.objective = OBJECTIVES["gated"](of="bce")

    def asked(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return which clicks react, their everyday logit, and what the gate says."""
        reacts = (torch.rand(BATCH, generator=self.random) < 0.5).float()
        hidden = torch.randn(BATCH, UNITS, generator=self.random)
        hidden[:, 0] = 2 * reacts - 1
        read = leaky_relu(self.layers["gate"](hidden), 0.01)
        return reacts, -2.5 + 0.5 * hidden[:, 1], self.layers["heads"][GATE](read).squeeze(1)

    def learn(self, steps: int, *, sale: bool) -> None:
        for _ in range(steps):
            reacts, o, gate = self.asked()
            experts = o + LIFT * (1 - self.knows + self.knows * reacts)
            truth = (o + LIFT * reacts * sale).sigmoid()
            paid = (torch.rand(BATCH, generator=self.random) < truth).numpy().astype(float)
            g = gate.sigmoid()
            said = {"cvr": o, GATED: (1 - g) * o + g * experts, GATE: gate}
            self.objective.loss(Batch(make_samples(BATCH, converted=paid)), said).backward()
            self.adam.step()

    def auc(self) -> float:
        with torch.no_grad():
            told = [self.asked() for _ in range(8)]
        reacts, gate = (torch.cat([row[k] for row in told]).numpy() for k in (0, 2))
        return ranking(gate.astype(np.float64), reacts.astype(np.float64))[0]


@pytest.mark.parametrize("knows", [0.0, 0.7])
def test_in_a_sale_it_tells_who_reacts(knows):
    gate = Gate(knows, seed=1)
    gate.learn(16, sale=True)  # 8,000 clicks
    assert gate.auc() > 0.6
    gate.learn(112, sale=True)
    assert gate.auc() > 0.9


def test_ordinary_days_turn_it_round_and_a_short_sale_is_too_few_steps():
    """Why ``learns = "sales"``: experts promise most of those who will react, so for these it closes first."""
    gate = Gate(0.7, seed=1)
    gate.learn(200, sale=False)
    assert gate.auc() < 0.2
    gate.learn(16, sale=True)
    assert gate.auc() < 0.4
