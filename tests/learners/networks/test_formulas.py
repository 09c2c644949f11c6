"""Every network against its formula, written out row by row, field by field and head by head in float64."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tests.learners.networks.built import (
    DIM,
    FEATURES,
    FIELDS,
    ROWS,
    affine,
    build,
    forward,
    hidden,
    rows_of,
    softmax,
)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def numbers(embedded, further, row):
    return rows_of(embedded[row]) + ([] if further is None else rows_of(further[row]))


def tokens_of(layers, embedded, further, row):
    flat = rows_of(embedded[row])
    tokens = [flat[k * DIM : (k + 1) * DIM] for k in range(len(flat) // DIM)]
    return tokens if further is None else [*tokens, affine(layers["inputs"], rows_of(further[row]))]


def flat(tokens):
    return list(itertools.chain.from_iterable(tokens))


def deepfm(network, layers, embedded, further, row, head):
    if network.form == "paper":
        tokens = tokens_of(layers, embedded[0], further, row)
    else:
        tokens = [[x] for x in numbers(embedded[0], further, row)]
    first = affine(layers["first"][head], numbers(embedded[-1], further, row))[0]
    pairs = sum(dot(a, b) for a, b in itertools.combinations(tokens, 2))
    deep = affine(layers["heads"][head], hidden(layers["trunk"], flat(tokens)))[0]
    return first + pairs + deep


def autoint(network, layers, embedded, further, row, head):
    if network.form == "public":
        x = numbers(embedded[0], further, row)
        whole = x
        for layer in layers["attention"]:
            x = [a + b for a, b in zip(x, affine(layer, x), strict=True)]
        related = x
    else:
        tokens = tokens_of(layers, embedded[0], further, row)
        whole = flat(tokens)
        units, heads = network.attention_units, network.attention_heads
        size = units // heads
        for layer in layers["attention"]:
            mapped = [affine(layer, token) for token in tokens]
            following = []
            for token in range(len(tokens)):
                out = []
                for h in range(heads):
                    query, key, value, residual = (
                        [m[part * units + h * size : part * units + (h + 1) * size] for m in mapped]
                        for part in range(4)
                    )
                    share = softmax([dot(query[token], k) / np.sqrt(size) for k in key])
                    for n in range(size):
                        mixed = sum(s * v[n] for s, v in zip(share, value, strict=True))
                        out.append(max(mixed + residual[token][n], 0.0))
                following.append(out)
            tokens = following
        related = flat(tokens)
    if network.hidden:
        related = related + hidden(layers["trunk"], whole)
    return affine(layers["heads"][head], related)[0]


def dcn(network, layers, embedded, further, row, head):
    start = numbers(embedded[0], further, row)
    x = start
    for level, cross in enumerate(layers["cross"]):
        if network.cross == "vector" or network.form == "public":
            along, shift = affine(cross, x)[0], layers["shifts"][level].tolist()
            x = [a * along + b + c for a, b, c in zip(start, shift, x, strict=True)]
        else:
            turned = x
            for layer in cross if network.rank else [cross]:
                turned = affine(layer, turned)
            x = [a * b + c for a, b, c in zip(start, turned, x, strict=True)]
    if network.structure == "stacked":
        return affine(layers["heads"][head], hidden(layers["trunk"], x))[0]
    return affine(layers["heads"][head], x + hidden(layers["trunk"], start))[0]


def mixed(weights, said):
    return [sum(w * s[n] for w, s in zip(weights, said, strict=True)) for n in range(len(said[0]))]


def topped(network, layers, x, head):
    return affine(layers["heads"][head], hidden(layers["towers"][head], x) if network.tower else x)[0]


def gate(layer, x):
    return softmax(hidden(layer if isinstance(layer, torch.nn.Sequential) else [layer], x))


def mmoe(network, layers, embedded, further, row, head):
    x = numbers(embedded[0], further, row)
    said = [hidden(expert, x) for expert in layers["experts"]]
    return topped(network, layers, mixed(gate(layers["gates"][head], x), said), head)


def ple(network, layers, embedded, further, row, head):
    x = numbers(embedded[0], further, row)
    states = dict.fromkeys(("ctr", "cvr", "shared"), x)
    for depth, level in enumerate(layers["levels"]):
        said = {n: [hidden(e, states[n]) for e in level["experts"][n]] for n in ("ctr", "cvr", "shared")}
        new = {n: mixed(gate(level["gates"][n], states[n]), said[n] + said["shared"]) for n in ("ctr", "cvr")}
        if depth < network.levels - 1:
            every = said["ctr"] + said["cvr"] + said["shared"]
            new["shared"] = mixed(gate(level["gates"]["shared"], states["shared"]), every)
        states = new
    return topped(network, layers, states[head], head)


def perceptron(layers, x, head):
    return affine(layers["heads"][head], hidden(layers["trunk"], x))[0]


def mlp(network, layers, embedded, further, row, head):
    return perceptron(layers, numbers(embedded[0], further, row), head)


def per_head(network, layers, embedded, further, row, head):
    return mlp(network, layers["towers"][head], embedded, further, row, head)


def wide(network, layers, embedded, further, row, head):
    every = tokens_of(layers, embedded[0], None, row)
    names = [f.name for f in FEATURES]
    chosen = [t for t, n in zip(every, names, strict=True) if n in network.wide] or every
    others = [t for t, n in zip(every, names, strict=True) if n not in network.wide]
    x = flat(others) + ([] if further is None else rows_of(further[row]))
    return affine(layers["wide"][head], flat(chosen))[0] + perceptron(layers["deep"], x, head)


CASES = [
    ({"kind": "deepfm"}, deepfm),
    ({"kind": "deepfm", "first_order": "embedding", "norm": False}, deepfm),
    ({"kind": "deepfm", "form": "public"}, deepfm),
    ({"kind": "autoint", "attention_units": 4}, autoint),
    ({"kind": "autoint", "attention_units": 6, "attention_heads": 3, "hidden": [4]}, autoint),
    ({"kind": "autoint", "form": "public", "attention_layers": 2, "hidden": [4]}, autoint),
    ({"kind": "dcn-v2"}, dcn),
    ({"kind": "dcn-v2", "cross_layers": 3, "rank": 2, "structure": "stacked"}, dcn),
    ({"kind": "dcn-v2", "cross": "vector"}, dcn),
    ({"kind": "dcn-v2", "form": "public"}, dcn),
    ({"kind": "mmoe", "experts": 3}, mmoe),
    ({"kind": "mmoe", "gate": [3], "tower": [6, 2], "norm": False}, mmoe),
    ({"kind": "ple"}, ple),
    ({"kind": "ple", "levels": 3, "own": 1, "shared": 1, "gate": [3], "tower": [2]}, ple),
    ({"kind": "mlp"}, mlp),
    ({"kind": "mlp", "norm": False, "activation": "relu"}, mlp),
    ({"kind": "per-head"}, per_head),
    ({"kind": "wide-deep"}, wide),
    ({"kind": "wide-deep", "wide": ["item", "hour"]}, wide),
]


@pytest.mark.parametrize("inputs", [0, 2])
@pytest.mark.parametrize(("spec", "formula"), CASES, ids=[str(spec) for spec, _ in CASES])
def test_a_network_is_its_formula(spec, formula, inputs):
    network, layers, embedded, further = build(spec, inputs=inputs)
    found = forward(network, layers, embedded, further)
    assert set(found) == {"ctr", "cvr"}
    for head, outputs in found.items():
        slow = [formula(network, layers, embedded, further, row, head) for row in range(ROWS)]
        np.testing.assert_allclose(outputs, slow, rtol=1e-9, atol=1e-9)
        assert np.ptp(outputs) > 1e-5, "rows differ"


def test_the_wide_part_of_doubled_embeddings_has_both_of_each_feature():
    network, layers, embedded, _ = build({"kind": "wide-deep", "wide": ["item"]}, fields=2 * FIELDS)
    assert layers["wide"]["cvr"].in_features == 2 * DIM
    before = network.forward(layers, embedded)["cvr"]
    other = embedded.clone()
    with torch.no_grad():
        layers["wide"]["cvr"].weight.zero_()
    still = network.forward(layers, embedded)["cvr"]
    for block in (0, FIELDS):
        other[0, :, (block + 1) * DIM : (block + 2) * DIM] += 1
    assert torch.equal(network.forward(layers, other)["cvr"], still)
    assert not torch.equal(before, still)
