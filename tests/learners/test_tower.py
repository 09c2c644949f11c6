"""The tower: Adagrad on a first-order term, in promotions alone; and the slopes that a learner hands to its offset."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.build import build_learner
from learners.evidence.tower import Tower
from learners.history import History
from learners.materials import Materials
from learners.offsets import OFFSETS, FixedOffset, KnownOffset, Terms
from simulator.calendar import Calendar, Promotion
from simulator.learning import Clicks
from simulator.log.schema import Feature
from simulator.randomness import generator
from simulator.units import DAY, HOUR

SALE = Calendar((Promotion("sale", 5 * DAY, 6 * DAY),))
FIELDS = (Feature("a", 3), Feature("user", 9), Feature("b", 5))


def clicks(rng, n):
    features = np.stack([rng.integers(0, f.cardinality, n) for f in FIELDS], axis=1).astype(np.int32)
    return Clicks(np.arange(n), rng.integers(4 * DAY, 7 * DAY, n), features)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000))
def test_it_is_adagrad_on_one_weight_a_category(seed):
    rng = generator(seed, "tower")
    tower = Tower(FIELDS, 8, SALE, 0.05)
    weight = torch.zeros(8, dtype=torch.float64, requires_grad=True)
    adagrad = torch.optim.Adagrad([weight], lr=0.05)
    for _ in range(6):
        batch = clicks(rng, int(rng.integers(1, 40)))
        slope = rng.normal(0, 1, len(batch))
        inside = (batch.time >= 5 * DAY) & (batch.time < 6 * DAY)
        terms = (weight[batch.features[:, 0]] + weight[3 + batch.features[:, 2]]) * torch.from_numpy(inside)
        np.testing.assert_allclose(tower.training(batch)["cvr"], terms.detach().numpy(), atol=1e-10)
        tower.learn(batch, {"cvr": slope})
        adagrad.zero_grad()
        terms.backward(torch.from_numpy(slope))
        adagrad.step()
    probe = clicks(rng, 50)
    assert not tower(probe)["cvr"].any(), "nothing is served before it is published"
    tower.publish(lambda _: {})
    np.testing.assert_array_equal(tower(probe)["cvr"], tower.training(probe)["cvr"])
    other = Tower(FIELDS, 8, SALE, 0.05)
    other.load_state_dict(tower.state_dict())
    np.testing.assert_array_equal(other(probe)["cvr"], tower(probe)["cvr"])
    with pytest.raises(ValueError, match="8 weights, not 3"):
        Tower(FIELDS[:1], 8, SALE, 0.05).load_state_dict(tower.state_dict())


class Probe(KnownOffset):
    """Adds a constant, and writes down the slopes."""

    adapts = True

    def __init__(self):
        self.slopes = []

    def __call__(self, clicks):
        return {"cvr": np.full(len(clicks), 0.3)}

    def learn(self, clicks, slopes):
        self.slopes.append(slopes["cvr"])


def test_a_learner_hands_the_slopes_of_its_loss_to_the_offset(one, small, ground, samples):
    learner = build_learner(
        one.method({"method": "vanilla", "learner": small.model_dump()}), **ground.arguments(learner=small)
    )
    learner._offset = probe = Terms([Probe(), FixedOffset(lambda clicks: {"cvr": np.full(len(clicks), 0.1)})])
    part = slice(9_000, 9_400)
    label, ids = ground.log.converted[part], ground.log.ids[part]
    learner._model.layers.train()
    seen = []
    forward = type(learner._model.network).forward

    def listening(self, *arguments):
        outputs = forward(self, *arguments)
        seen.append(outputs["cvr"].detach().numpy().copy())
        return outputs

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(learner._model.network), "forward", listening)
        learner.learn(samples(400, converted=label), ids)
    expected = (1 / (1 + np.exp(-(seen[0] + 0.4))) - label) / 400
    np.testing.assert_allclose(probe._terms[0].slopes[0], expected, atol=1e-7)


@pytest.fixture
def materials(ground, small):
    history = History(ground.log, ground.windows, 0, 8 * DAY)
    return Materials(history, SALE, 6 * HOUR, small, 5, ground.cache, lambda: None)


def test_it_learns_what_an_earlier_promotion_turned_round(materials, ground):
    """Half of the segments convert otherwise in the sale: the tower says so of them, for the next sale."""
    log = ground.log
    rng = generator(4, "sale")
    inside = (log.time >= 5 * DAY) & (log.time < 6 * DAY)
    shift = np.where(log.ids[:, 0] % 2 == 0, 1.2, -1.2)
    p = 1 / (1 + np.exp(-(np.log(log.p / (1 - log.p)) + shift * inside)))
    log.converted = rng.random(len(p)) < p
    calendar = OFFSETS.find("calendar")
    plain = calendar().prepare(materials)
    tower = calendar(tower=True).prepare(materials)
    assert tower.adapts
    assert not plain.adapts
    # One category of each segment, all else equal, in the next sale (before it has learnt anything of that).
    features = np.zeros((12, 4), np.int32)
    features[:, 0] = np.arange(12)
    asked = Clicks(np.arange(12), np.full(12, 5 * DAY + HOUR), features)
    tower.publish(lambda _: {})
    term = tower(asked)["cvr"] - plain(asked)["cvr"]
    assert np.corrcoef(term, np.where(np.arange(12) % 2 == 0, 1.0, -1.0))[0, 1] > 0.9
    away = Clicks(asked.row, asked.time + 3 * DAY, features)
    np.testing.assert_allclose(tower(away)["cvr"], plain(away)["cvr"])
