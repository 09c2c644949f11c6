"""Networks of the registry with layers in float64, and their layers as plain arrays."""

from __future__ import annotations

import numpy as np
import torch

from learners.networks import NETWORKS
from simulator.log.schema import Feature
from simulator.scenario.learner import LearnerBlock

FIELDS, DIM, ROWS = 4, 3, 6
LEARNER = LearnerBlock(embedding_dim=DIM, hidden=(5, 4))
FEATURES = tuple(Feature(name, 7) for name in ("user", "item", "cross", "hour"))


def build(spec, heads=("ctr", "cvr"), inputs=0, fields=FIELDS):
    """Return a network, its layers in float64 as they serve, and a batch for it."""
    network = NETWORKS.parse(spec, "network").completed(LEARNER).reading(FEATURES)
    layers = network.build(fields * DIM, heads, torch.Generator().manual_seed(3), inputs).double()
    drawn = torch.Generator().manual_seed(4)
    for name, buffer in layers.named_buffers():  # what a training would have left
        if "running" in name:
            buffer.uniform_(0.5, 1.5, generator=drawn).sub_(1.2 * name.endswith("mean"))
    embedded = torch.randn(network.embeddings, ROWS, fields * DIM, generator=drawn).double()
    further = torch.randn(ROWS, inputs, generator=drawn).double() if inputs else None
    return network, layers.eval(), embedded, further


def forward(network, layers, embedded, further):
    return {head: out.detach().numpy() for head, out in network.forward(layers, embedded, further).items()}


def affine(layer, x):
    """What one linear layer says of one row, number by number."""
    weight, bias = layer.weight.detach().numpy(), layer.bias
    out = [sum(w * v for w, v in zip(row, x, strict=True)) for row in weight]
    return out if bias is None else [o + b for o, b in zip(out, bias.tolist(), strict=True)]


def rows_of(tensor):
    return tensor.detach().numpy().tolist()


def hidden(stack, x, slope=0.01):
    """What hidden layers (linear, batch norm, activation) say of one row as they serve."""
    for layer in stack:
        match layer:
            case torch.nn.Linear():
                x = affine(layer, x)
            case torch.nn.BatchNorm1d():
                mean, variance = layer.running_mean.tolist(), layer.running_var.tolist()
                gain, shift = layer.weight.tolist(), layer.bias.tolist()
                x = [
                    g * (v - m) / np.sqrt(s + layer.eps) + b
                    for v, m, s, g, b in zip(x, mean, variance, gain, shift, strict=True)
                ]
            case torch.nn.LeakyReLU():
                x = [v if v > 0 else slope * v for v in x]
            case torch.nn.ReLU():
                x = [max(v, 0.0) for v in x]
    return x


def softmax(x):
    raised = [np.exp(v) for v in x]
    return [r / sum(raised) for r in raised]
