"""Products in bfloat16: nearly the same steps and predictions for every network, and nothing but the products less exact."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from learners import served
from learners.dice import Dice
from learners.kit.networks import _heads
from learners.layers import Linear, linear
from learners.model import Model
from learners.networks import NETWORKS
from learners.products import rounded
from learners.served import ServedLayers
from simulator.log.schema import Feature
from simulator.scenario.learner import AttentionBlock, LearnerBlock

FEATURES = (Feature("a", 50), Feature("b", 20))
SIZE = {"embedding_dim": 8, "hidden": [32, 16], "precision": "bfloat16"}
ALL = sorted(NETWORKS)
ROWS = 250
"""Not one of the few numbers that products have: `learners.products.rounded`."""


def made(network, features=FEATURES, seed: int = 3, **other) -> Model:
    size = LearnerBlock.model_validate(SIZE | other)
    part = NETWORKS.parse(network, "network").completed(size)
    return Model(part, _heads(part), features, size, seed)


def batch(rng: np.random.Generator, model: Model) -> np.ndarray:
    columns = [rng.integers(0, f.cardinality, (ROWS, f.width)).astype(np.int32) for f in model.table.features]
    return np.concatenate(columns, axis=1)


def total(outputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """A loss of all heads in which each row counts differently."""
    rows = torch.linspace(-1, 2, ROWS)
    return sum(((out - rows.to(out.dtype)) ** 2).mean() / (1 + k) for k, out in enumerate(outputs.values()))


def trained(network, steps: int = 60, **other) -> tuple[Model, list[float]]:
    model, losses = made(network, **other), []
    rng = np.random.default_rng(0)
    for _ in range(steps):
        ids = batch(rng, model)
        label = torch.from_numpy((rng.random(ROWS) < ids[:, 0] / 60).astype(np.float32))

        def loss(outputs: dict[str, torch.Tensor], label: torch.Tensor = label) -> torch.Tensor:
            assert {out.dtype for out in outputs.values()} == {torch.float32}
            found = torch.nn.functional.binary_cross_entropy_with_logits(
                torch.stack(list(outputs.values())), label.expand(len(outputs), -1)
            )
            losses.append(float(found.detach()))
            return found

        model.step(ids, loss)
    return model, losses


@pytest.mark.parametrize("network", ["mlp", "deepfm", "autoint", "dcn-v2", "mmoe", "ple", "per-head"])
def test_steps_are_nearly_the_same(network):
    _, exact = trained(network, precision="float32")
    model, halved = trained(network)
    assert halved != exact
    np.testing.assert_allclose(halved, exact, atol=0.05)
    assert np.mean(halved[-10:]) < np.mean(halved[:10])
    assert {p.dtype for p in model.layers.parameters()} == {torch.float32}
    assert model.table.weight.dtype == torch.float32


def gradients(model: Model, layers: torch.nn.ModuleDict, embedded: torch.Tensor) -> np.ndarray:
    parameters = [*layers.parameters(), embedded]
    found = torch.autograd.grad(total(model.network.forward(layers, embedded)), parameters, allow_unused=True)
    return np.concatenate(
        [
            np.zeros(p.numel()) if g is None else g.double().numpy().ravel()
            for p, g in zip(parameters, found, strict=True)
        ]
    )


def test_a_step_leaves_no_gradient_behind():
    """Biases and batch norm would go on to move by what an old batch said of them."""
    model, _ = trained("mlp", 2)
    for parameter in model.layers.parameters():
        assert parameter.grad is None or not parameter.grad.any()
    assert all(layer.halved is None or layer.halved.grad is None for layer in linears(model))


def linears(model: Model) -> list[Linear]:
    return [layer for layer in model.layers.modules() if isinstance(layer, Linear)]


@pytest.mark.parametrize("network", ALL)
def test_gradients_are_those_of_float64_as_nearly_as_under_autocast(network):
    """To 5 % of their length, and no worse than where autocast casts every matrix anew."""
    model = made(network)
    model.layers.train()
    plain = copy.deepcopy(model.layers)
    for layer in plain.modules():
        if isinstance(layer, Linear):
            layer.halved, layer.exact = None, False
    draws = torch.Generator().manual_seed(7)
    embedded = torch.randn(model.network.embeddings, ROWS, 16, generator=draws).requires_grad_()
    exact = gradients(model, copy.deepcopy(plain).double(), embedded.detach().double().requires_grad_())
    with torch.autocast("cpu", torch.bfloat16):
        before = gradients(model, copy.deepcopy(plain), embedded)
    model.adam.halves.renew()
    total(model._forward(model.layers, embedded, None)).backward()
    model.adam.halves.hand_over()
    found = torch.cat([model.adam._gradient, embedded.grad.flatten()]).double().numpy()
    error, usual = (np.linalg.norm(g - exact) / np.linalg.norm(exact) for g in (found, before))
    assert 0 < error < 0.05
    assert error < 1.3 * usual


def test_attention_learns_by_the_same_gradients():
    features = (Feature("a", 50), Feature("b", 20), Feature("carts", 30, 4, "tags"))
    block = AttentionBlock(target="a", over=("carts",))
    untrained = made("mlp", features, attention=block)
    (_, exact), (model, halved) = (
        trained("mlp", features=features, attention=block, precision=precision)
        for precision in ("float32", "bfloat16")
    )
    assert halved != exact
    np.testing.assert_allclose(halved, exact, atol=0.05)
    # It takes matrices itself, not by way of their layer.
    for one, before in zip(linears(model), linears(untrained), strict=True):
        assert (one.weight != before.weight).any()


SPECS = [
    {"kind": "mlp", "norm": False, "dropout": 0.3},
    {"kind": "mmoe", "norm": False, "gate": [3], "tower": [4]},
    {"kind": "ple", "levels": 1, "gate": [3], "tower": [4], "dropout": 0.3},
    {"kind": "dcn-v2", "form": "public"},
    {"kind": "dcn-v2", "rank": 2, "structure": "stacked"},
    {"kind": "autoint", "hidden": [5]},
]


@pytest.mark.parametrize("network", [*ALL, *SPECS], ids=str)
def test_batch_norm_is_folded_into_what_is_served(network):
    model, _ = trained(network, 3)
    copied = ServedLayers(model.layers, halved=True)
    copied.take(model.adam.weight, model.layers)
    embedded = torch.randn(model.network.embeddings, ROWS, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():  # without autocast the folded copy multiplies in float32
        found = model.network.forward(copied.layers, embedded)
        exact = model.network.forward(copy.deepcopy(model.layers).eval(), embedded)
    for head, said in exact.items():
        torch.testing.assert_close(found[head], said, rtol=1e-4, atol=1e-4)
    assert not any(isinstance(layer, torch.nn.BatchNorm1d) for layer in copied.layers.modules())


@pytest.mark.parametrize("network", [*ALL, *SPECS], ids=str)
def test_what_is_served_is_nearly_exact(network):
    """To 2 % of what outputs differ by."""
    model, _ = trained(network, 20)
    model.publish()
    ids = batch(np.random.default_rng(5), model)
    layers = copy.deepcopy(model.layers).eval()
    with torch.no_grad():
        exact = model.network.forward(layers, model.embedded(ids))
    for said in (model.served_outputs(ids), model.outputs(ids)):
        apart = {}
        for head, output in exact.items():
            apart[head] = np.abs(said[head] - output.double().numpy()).max()
            assert apart[head] < 0.02 * (1 + float(output.std()))
        assert max(apart.values()) > 0


@pytest.mark.parametrize("network", ["mlp", SPECS[0]], ids=str)
def test_activations_apart_say_nearly_the_same(network, monkeypatch):
    model, _ = trained(network, 5)
    ids = batch(np.random.default_rng(5), model)
    together = model.outputs(ids)
    monkeypatch.setattr(served, "ONE_PASS", None)
    for head, apart in model.outputs(ids).items():
        np.testing.assert_allclose(apart, together[head], atol=0.02)
        assert (apart != together[head]).any()


def test_a_run_goes_on_to_the_same_bits():
    model, _ = trained("ple", 5)
    model.publish()
    rng = np.random.default_rng(1)
    model.step(batch(rng, model), total)
    again = made("ple")
    again.load_state_dict(copy.deepcopy(model.state_dict()))
    asked = batch(rng, model)
    for head, said in model.served_outputs(asked).items():
        np.testing.assert_array_equal(again.served_outputs(asked)[head], said)
    for _ in range(3):
        ids = batch(rng, model)
        for one in (model, again):
            one.step(ids, total)
            one.publish()
    assert torch.equal(model.adam.weight, again.adam.weight)
    for head, said in model.served_outputs(asked).items():
        np.testing.assert_array_equal(again.served_outputs(asked)[head], said)


@pytest.mark.parametrize("network", ["mlp", "dcn-v2"])
def test_last_layers_say_more_than_bfloat16_can(network):
    model, _ = trained(network, 3)
    ids, seen = batch(np.random.default_rng(2), model), []
    model.step(ids, lambda outputs: seen.append(outputs["cvr"].detach()) or total(outputs))
    for said in (seen[0], torch.from_numpy(model.outputs(ids)["cvr"])):
        assert (said.bfloat16().to(said.dtype) != said).float().mean() > 0.9


def test_a_layer_of_one_output_stays_exact_at_the_end_of_a_trunk_too():
    trunk = ServedLayers(made({"kind": "dcn-v2", "form": "public"}).layers, halved=True).layers["trunk"]
    assert isinstance(trunk[-1], Linear)
    assert trunk[-1].exact


def test_changed_weights_count_at_once():
    """Whoever writes into the layers between steps need not know of the copies."""
    model, _ = trained("mlp", 3)
    model.publish()
    ids = batch(np.random.default_rng(2), model)
    with torch.no_grad():
        model.layers["trunk"][0].weight.zero_()
    assert len(set(model.outputs(ids)["cvr"])) == 1
    assert len(set(model.served_outputs(ids)["cvr"])) > 1
    seen = []
    model.step(ids, lambda outputs: seen.append(outputs["cvr"].detach()) or total(outputs))
    assert len(set(seen[0].tolist())) == 1


def test_what_has_not_changed_is_not_copied_again(monkeypatch):
    model, _ = trained("mlp", 3)
    ids = batch(np.random.default_rng(2), model)
    first = model.outputs(ids)["cvr"]
    monkeypatch.setattr(ServedLayers, "_follow", lambda self: pytest.fail("it was copied"))
    np.testing.assert_array_equal(model.outputs(ids)["cvr"], first)


class Products(TorchDispatchMode):
    """Notes the shapes of what products in bfloat16 take."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func).split(".")[1]
        halves = [t.shape for t in args if isinstance(t, torch.Tensor) and t.dtype == torch.bfloat16]
        if name in ("mm", "addmm", "bmm", "baddbmm", "_linear_pointwise") and halves:
            self.seen.add(f"{name} {[tuple(s) for s in halves]}")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("network", ALL)
def test_few_numbers_of_rows_are_multiplied(network):
    """Each new shape of a product in bfloat16 is compiled, for some milliseconds and half a megabyte."""
    model, rng = made(network), np.random.default_rng(0)
    model.publish()
    ids = np.concatenate([batch(rng, model) for _ in range(4)])
    kinds = []
    for sizes in ([528], range(515, 577, 7), range(577, 640, 7)):
        with Products() as products:
            for rows in sizes:
                weight = torch.linspace(-1, 2, rows)
                model.step(
                    ids[:rows], lambda out, w=weight: sum((o * w).square().mean() for o in out.values())
                )
                model.served_outputs(ids[:rows])
                model.outputs(ids[:rows])
        kinds.append(products.seen)
    assert kinds[0] == kinds[1]
    assert len(kinds[2]) == len(kinds[0])
    assert kinds[0]


@given(rows=st.integers(1, 200_000))
def test_numbers_of_rows_are_few_and_hardly_larger(rows):
    found = rounded(rows)
    assert rows <= found < 1.125 * rows + 16
    assert found == rounded(found)
    assert found % 16 == 0
    assert rounded(rows + 1) >= found


def test_no_more_than_eight_between_a_power_of_two_and_the_next():
    assert len({rounded(rows) for rows in range(513, 1025)}) == 8


@pytest.mark.parametrize("rows", [0, 1, 2, 15, 17])
def test_few_rows_are_predicted_as_among_many(rows):
    model, _ = trained("mlp", 3)
    ids = batch(np.random.default_rng(2), model)
    among = model.outputs(ids)["cvr"][:rows]
    np.testing.assert_allclose(model.outputs(ids[:rows])["cvr"], among, atol=0.01)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(2, 3), (37, 3), (5, 7, 3), (48, 3)])
def test_a_product_and_its_gradients(shape, bias):
    """Against float64, from numbers that bfloat16 holds."""
    draws = torch.Generator().manual_seed(3)
    values, matrix, shift = (torch.randn(s, generator=draws).bfloat16() for s in (shape, (2, 3), 2))
    weight = torch.randn(*shape[:-1], 2, generator=draws).bfloat16()
    layer, exact = (
        linear(3, 2, draws, bias=bias),
        [t.double().requires_grad_() for t in (values, matrix, shift)],
    )
    layer.halved = matrix.clone().requires_grad_()
    if bias:
        layer.bias.data.copy_(shift)
    taken = values.float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        said = layer(taken)
    (said * weight).sum().backward()
    expected = torch.nn.functional.linear(*exact[:2], exact[2] if bias else None)
    (expected * weight.double()).sum().backward()
    found = [said, taken.grad, layer.halved.grad, *([layer.bias.grad] if bias else [])]
    assert (taken.grad.dtype, layer.halved.grad.dtype) == (torch.float32, torch.bfloat16)
    for one, other in zip(found, [expected, *(t.grad for t in exact)], strict=False):
        torch.testing.assert_close(one.double(), other, rtol=0.01, atol=0.02)


def test_dice_in_bfloat16_says_and_learns_nearly_the_same():
    dice, draws = Dice(8), torch.Generator().manual_seed(2)
    hidden = torch.randn(64, 8, generator=draws).bfloat16()
    found = []
    for values in (hidden, hidden.float()):
        dice.slope.grad, taken = None, values.requires_grad_()
        said = dice(taken)
        assert said.dtype == values.dtype
        (said * torch.linspace(-1, 1, 8)).sum().backward()
        found.append((said.float(), taken.grad.float(), dice.slope.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.03 * other.abs().max().item())
