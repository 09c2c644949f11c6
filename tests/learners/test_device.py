"""Layers beside the processor: one code for both, one sentence for what an accelerator cannot do.

Without an accelerator the layers and their optimiser are run by tensors that only say where they are.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from learners.adam import FlatAdam
from learners.catalog import resolve_all
from learners.device import check_devices
from learners.kit.networks import _heads
from learners.model import Model
from learners.networks import NETWORKS
from learners.served import ServedLayers
from simulator.errors import RunError, ScenarioError
from simulator.log.schema import Feature
from simulator.scenario.learner import AttentionBlock, LearnerBlock
from tests.commands import sim
from tests.learners.test_auto_precision import loaded

FEATURES = (Feature("a", 50), Feature("b", 20))
SIZE = {"embedding_dim": 8, "hidden": [32, 16]}
absent = pytest.mark.skipif(torch.cuda.is_available(), reason="there is an accelerator")


def made(network="mlp", **other) -> Model:
    size = LearnerBlock.model_validate(SIZE | other)
    part = NETWORKS.parse(network, "network").completed(size)
    return Model(part, _heads(part), FEATURES, size, 3)


def ids(rows: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([rng.integers(0, f.cardinality, rows) for f in FEATURES], 1).astype(np.int32)


def squared(outputs: dict[str, torch.Tensor]) -> torch.Tensor:
    assert {out.device.type for out in outputs.values()} == {"cpu"}
    return sum((out - 1).square().mean() for out in outputs.values())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_processor_is_what_auto_means(precision):
    found = []
    for device in ("auto", "cpu"):
        model = made(device=device, precision=precision)
        for _ in range(3):
            model.step(ids(70), squared)
        model.publish()
        assert model.device == torch.device("cpu")
        found.append(model.served_outputs(ids(40))["cvr"])
    np.testing.assert_array_equal(*found)


SPECS = [
    *sorted(set(NETWORKS) - {"evi"}),  # it reads a number back, and there is none
    {"kind": "autoint", "form": "public"},
    {"kind": "dcn-v2", "rank": 2, "structure": "stacked"},
]


@pytest.mark.parametrize("network", SPECS, ids=str)
def test_all_that_a_network_does_is_done_beside_the_processor(network):
    """On torch's device without memory: where a step mixes devices, it fails here as it does on an accelerator."""
    model = made(network)
    layers = model.layers.to("meta")
    adam = FlatAdam(layers, 1e-3)
    embedded = torch.randn(model.network.embeddings, 24, 16, device="meta").requires_grad_()
    outputs = model.network.forward(layers, embedded)
    assert {out.device.type for out in outputs.values()} == {"meta"}
    sum(out.sum() for out in outputs.values()).backward()
    adam.step()
    served = ServedLayers(layers, halved=False)
    model.network.forward(served.layers, embedded)
    moved = (embedded.grad, adam.weight, adam._gradient, *layers.buffers(), *served.layers.parameters())
    assert {one.device.type for one in moved} == {"meta"}


def test_devices_that_are_mixed_fail():
    """Or the test before says nothing."""
    model = made()
    model.layers["trunk"].to("meta")
    with pytest.raises(RuntimeError):
        model.network.forward(model.layers, torch.randn(1, 24, 16, device="meta"))


def test_what_is_dropped_is_drawn_on_the_processor(monkeypatch):
    """So that it is the same wherever layers are."""
    drawn = []
    bernoulli = torch.Tensor.bernoulli_
    monkeypatch.setattr(
        torch.Tensor, "bernoulli_", lambda t, *a, **k: drawn.append(t.device) or bernoulli(t, *a, **k)
    )
    made({"kind": "mlp", "dropout": 0.3}).step(ids(30), squared)
    assert set(drawn) == {torch.device("cpu")}


@absent
def test_an_accelerator_that_is_absent_is_one_sentence(tmp_path):
    text = '[learner]\ndevice = "cuda"\n[[method]]\nmethod = "fnw"\n[[method]]\nmethod = "oracle"\n'
    with pytest.raises(ScenarioError) as error:
        check_devices(resolve_all(loaded(tmp_path, text).scenario))
    (fault,) = error.value.faults
    assert re.fullmatch(
        r'learner.device = "cuda": there is no such accelerator, .*; take "auto" or "cpu"', fault
    )
    done = sim("run", "scenarios/minimal.toml", "--set", "learner.device=cuda", "--out", tmp_path, code=2)
    assert fault in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_attention_stays_on_the_processor(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    learner = LearnerBlock(device="cuda", attention=AttentionBlock(target="a", over=("carts",)))

    class Method:
        pass

    method = Method()
    method.learner = learner
    with pytest.raises(ScenarioError, match="attention is computed on the processor alone"):
        check_devices([method])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
            "has no memory left for a batch of 30",
        ),
        (
            torch.AcceleratorError("CUDA error: an illegal address\nmore"),
            r"failed on a batch of 30 rows \(CUDA error: an",
        ),
    ],
)
def test_a_fault_of_the_device_is_one_sentence(monkeypatch, fault, said):
    model = made()
    model.publish()

    def failing(*_):
        raise fault

    monkeypatch.setattr(type(model.network), "forward", failing)
    for call in (lambda: model.step(ids(30), squared), lambda: model.served_outputs(ids(30))):
        with pytest.raises(RunError, match=said) as error:
            call()
        assert "\n" not in str(error.value)
        assert 'learner.device = "cpu"' in str(error.value)
