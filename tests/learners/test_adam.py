"""Flat Adam against torch's own."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from learners.adam import FlatAdam


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_equals_torch_adam_over_many_steps(decay):
    generator = torch.Generator().manual_seed(0)
    ours = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.LeakyReLU(), nn.Linear(5, 1))
    theirs = copy.deepcopy(ours)
    adam, reference = FlatAdam(ours, 0.01), torch.optim.AdamW(theirs.parameters(), 0.01, weight_decay=decay)
    adam.begin(0.01, decay, fresh=False)
    for _ in range(40):
        x = torch.randn(32, 6, generator=generator)
        ours(x).square().mean().backward()
        adam.step()
        reference.zero_grad()
        theirs(x).square().mean().backward()
        reference.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


def test_parameters_are_views_of_the_vector():
    layer = nn.Linear(3, 2)
    adam = FlatAdam(layer, 0.1)
    adam.weight.fill_(0.5)
    assert torch.equal(layer.weight, torch.full((2, 3), 0.5))
    assert torch.equal(layer.bias, torch.full((2,), 0.5))
