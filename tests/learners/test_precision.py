"""Training with products in bfloat16: nearly the same steps, and nothing but the products is less exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learners.model import Model
from learners.networks import NETWORKS
from simulator.log.schema import Feature
from simulator.scenario.learner import LearnerBlock

FEATURES = (Feature("a", 50), Feature("b", 20))


def trained(precision: str, network: str, steps: int = 60) -> tuple[Model, list[float]]:
    size = LearnerBlock.model_validate({"embedding_dim": 8, "hidden": [32, 16], "precision": precision})
    model = Model(NETWORKS.find(network)().completed(size), ("cvr",), FEATURES, size, seed=3)
    rng, losses = np.random.default_rng(0), []
    for _ in range(steps):
        ids = np.stack([rng.integers(0, f.cardinality, 256) for f in FEATURES], axis=1).astype(np.int32)
        label = torch.from_numpy((rng.random(256) < ids[:, 0] / 60).astype(np.float32))

        def loss(outputs: dict[str, torch.Tensor], label: torch.Tensor = label) -> torch.Tensor:
            assert outputs["cvr"].dtype == torch.float32
            found = torch.nn.functional.binary_cross_entropy_with_logits(outputs["cvr"], label)
            losses.append(float(found.detach()))
            return found

        model.step(ids, loss)
    return model, losses


@pytest.mark.parametrize("network", ["mlp", "deepfm", "autoint", "dcn-v2", "mmoe", "ple", "per-head"])
def test_steps_are_nearly_the_same(network):
    _, exact = trained("float32", network)
    model, halved = trained("bfloat16", network)
    assert halved != exact
    np.testing.assert_allclose(halved, exact, atol=0.05)
    assert np.mean(halved[-10:]) < np.mean(halved[:10])
    assert {p.dtype for p in model.layers.parameters()} == {torch.float32}
    assert model.table.weight.dtype == torch.float32


def test_what_is_served_is_exact():
    model, _ = trained("bfloat16", "mlp")
    ids = np.zeros((3, 2), np.int32)
    said = model.outputs(ids)["cvr"]
    layers = model.layers.eval()
    cells = model.table.cells(ids)
    with torch.no_grad():
        whole = model.table.gather(cells.rows).view(1, 3, -1)
        by_hand = model.network.forward(layers, whole)["cvr"].double().numpy()
    np.testing.assert_array_equal(said, by_hand)
