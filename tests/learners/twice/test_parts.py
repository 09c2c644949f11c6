"""The network's delays read a few fields alone; the link serves any horizon; the start knows the delays of the history."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.history import History
from learners.kit.ground import HISTORY, LEARNER, WINDOWS, TrialLog, trial_log
from learners.networks import NETWORKS
from learners.serve import LINKS
from learners.start import RECIPES
from learners.twice.delays import DELAYS, bucket
from simulator.log.schema import Feature
from simulator.units import HOUR, MINUTE

HEADS = ("cvr", *DELAYS)
FEATURES = (Feature("item", 900), Feature("device", 3), Feature("page", 300))


def test_delays_read_their_own_embedding_of_the_fields_and_nothing_else():
    part = NETWORKS["two-clocks"]().completed(LEARNER)
    assert part.embeddings == 2
    layers = part.reading(FEATURES).build(12, HEADS, torch.Generator().manual_seed(1))
    embedded = torch.randn(2, 7, 12, generator=torch.Generator().manual_seed(2)).requires_grad_()
    outputs = part.forward(layers.eval(), embedded)
    assert set(outputs) == set(HEADS)
    (slope,) = torch.autograd.grad(outputs["delay_3"].sum(), embedded, retain_graph=True)
    assert slope[1, :, 4:8].any(dim=0).all()
    slope[1, :, 4:8] = 0
    assert not slope.any()
    (slope,) = torch.autograd.grad(outputs["cvr"].sum(), embedded)
    assert not slope[1].any()


def test_without_a_field_all_clicks_have_the_same_delays():
    part = NETWORKS["two-clocks"]().completed(LEARNER)
    layers = part.reading((Feature("item", 900),)).build(4, HEADS, torch.Generator().manual_seed(1))
    outputs = part.forward(layers.eval(), torch.randn(2, 5, 4))
    assert len(set(outputs["delay_1"].tolist())) == 1
    assert len(set(outputs["cvr"].tolist())) == 5


def test_one_set_of_delays_gives_every_horizon():
    outputs = {"cvr": np.array([0.0, -2.0])}
    outputs |= {head: np.log(np.array([k + 1.0, 1.0])) for k, head in enumerate(DELAYS)}
    rate = 1 / (1 + np.exp(-outputs["cvr"]))
    np.testing.assert_allclose(LINKS["horizon"]().serve(outputs)["cvr"], rate)
    assert LINKS["horizon"]().heads == ("cvr",)
    hour = LINKS["horizon"](horizon="1h")
    assert hour.heads == HEADS
    np.testing.assert_allclose(hour.serve(outputs)["cvr"], rate * np.array([10 / 120, 4 / 15]))
    ten = LINKS["horizon"](horizon="10m").serve(outputs)["cvr"]
    np.testing.assert_allclose(ten, rate * np.array([2 / 120, 1.5 / 15]))
    served = [LINKS["horizon"](horizon=f"{h}h").serve(outputs)["cvr"][0] for h in (1, 2, 5, 30, 800)]
    assert served == sorted(served)
    assert served[-1] == pytest.approx(rate[0])


def test_the_start_has_the_delays_of_the_history():
    history = History(TrialLog(trial_log(), "kit"), WINDOWS, *HISTORY)
    biases = history.biases(RECIPES["two-clocks"]())
    clicks, labels = next(iter(history.log.labelled(WINDOWS, *HISTORY)))
    delay = (labels.first_pay - clicks.time)[labels.converted]
    shares = np.exp([biases[head] for head in DELAYS])
    counts = np.bincount(bucket(delay), minlength=len(DELAYS))
    np.testing.assert_allclose(shares, (counts + 0.5) / (len(delay) + 0.5))
    assert bucket(np.array([MINUTE, HOUR])).tolist() == [0, 3]
