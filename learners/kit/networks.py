"""Conformance of networks: shapes, heads, and that the generator alone decides."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from learners.kit.ground import LEARNER, resolved
from learners.methods import METHODS
from learners.networks import Network
from simulator.conformance import Checks

ROWS, WIDTH = 24, 12


def checks(network: Network) -> Checks:
    """Yield the checks of a network, with the heads of the methods that have it (else ``cvr`` and ``rfr``)."""
    network = network.completed(LEARNER)
    heads = _heads(network)
    yield "shapes", lambda: _shapes(network, heads)
    yield "heads", lambda: _has_heads(network, heads)
    yield "deterministic", lambda: _deterministic(network, heads)
    yield "eval", lambda: _eval(network, heads)
    yield "gradient", lambda: _gradient(network, heads)


def _heads(network: Network) -> tuple[str, ...]:
    for name in METHODS:
        method = resolved(method=name)
        if type(method.network) is type(network):
            return tuple(dict.fromkeys((*method.objective.heads, *method.link.heads)))
    return ("cvr", "rfr")


def _built(network: Network, heads: Sequence[str], seed: int = 1) -> nn.ModuleDict:
    return network.build(WIDTH, heads, torch.Generator().manual_seed(seed))


def _input(network: Network, seed: int = 2) -> Tensor:
    return torch.randn(network.embeddings, ROWS, WIDTH, generator=torch.Generator().manual_seed(seed))


def _shapes(network: Network, heads: Sequence[str]) -> str:
    outputs = network.forward(_built(network, heads), _input(network))
    if missing := [head for head in heads if head not in outputs]:
        return f"forward gives {', '.join(outputs)}, and no {', '.join(missing)}"
    wrong = [f"{h!r} {tuple(o.shape)}" for h, o in outputs.items() if tuple(o.shape) != (ROWS,)]
    if wrong:
        return f"outputs have shapes {', '.join(wrong)}; each must be ({ROWS},), a value for each row"
    lost = [head for head, output in outputs.items() if not torch.isfinite(output).all()]
    return f"output {lost[0]!r} is not finite" if lost else ""


def _has_heads(network: Network, heads: Sequence[str]) -> str:
    layers = _built(network, heads)
    if "heads" not in layers:
        return 'layers["heads"] is missing: it holds the last layer of each head'
    for head in heads:
        if head not in layers["heads"]:  # type: ignore[operator]
            return f'layers["heads"] has no {head!r}'
        if getattr(layers["heads"][head], "bias", None) is None:  # type: ignore[index]
            return f'layers["heads"][{head!r}] has no bias, which is set to the base rate before training'
    return ""


def _weights(layers: nn.ModuleDict) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in layers.parameters()])


def _deterministic(network: Network, heads: Sequence[str]) -> str:
    before = torch.get_rng_state()
    first, second, other = (_weights(_built(network, heads, seed)) for seed in (1, 1, 2))
    if not torch.equal(first, second):
        return "two builds from one generator differ"
    if torch.equal(first, other):
        return "builds from two generators are the same: the weights are not drawn from the generator"
    return "" if torch.equal(before, torch.get_rng_state()) else "build draws from torch's global generator"


def _eval(network: Network, heads: Sequence[str]) -> str:
    layers = _built(network, heads).eval()
    embedded = _input(network)
    with torch.no_grad():
        whole, again = network.forward(layers, embedded), network.forward(layers, embedded)
        part = network.forward(layers, embedded[:, :5])
    for head in heads:
        if not torch.equal(whole[head], again[head]):
            return f"in eval two calls give two outputs of {head!r}"
        if not torch.allclose(whole[head][:5], part[head], atol=1e-5):
            return f"in eval the output of {head!r} depends on the other rows of the batch"
    return ""


def _gradient(network: Network, heads: Sequence[str]) -> str:
    layers = _built(network, heads).train()
    embedded = _input(network).requires_grad_()
    outputs = network.forward(layers, embedded)
    sum(outputs[head].square().sum() for head in heads).backward()  # type: ignore[union-attr]
    if embedded.grad is None or not embedded.grad.any():
        return "no output depends on the embeddings"
    lost = [
        n for n, p in layers.named_parameters() if p.grad is not None and not torch.isfinite(p.grad).all()
    ]
    return f"the gradient of {lost[0]} is not finite" if lost else ""
