"""The evidence net G: a small perceptron added to a click's logit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from learners.settlement.evidence.atoms import NO_ATOMS, Atoms
from learners.settlement.evidence.layout import Float32, Layout, OpenClicks
from learners.settlement.evidence.onsets import Onsets
from simulator.log.schema import Float64

SLOPE = 0.05
CHUNK = 8_192
"""Rows of one forward pass; constant, since last bits may depend on a product's size."""
LEAST_SPREAD = 1e-3


class EvidenceNet:
    """P(pays inside the window | open at now, state) = sigmoid(z + G(state, z)), where z is the network's own logit.

    G is the perceptron, and where many pay at one delay what `Atoms` say of the age beside it.

    Parameters
    ----------
    layout : which numbers the state is.
    hidden : sizes of the hidden layers.
    generator : of the initial weights. The last layer starts at 0: a net that was not fitted says nothing.
    """

    onsets: Onsets | None = None
    """Chances that the stream moves; None where sales open as announced."""
    atoms: Atoms = NO_ATOMS
    """Delays of the history at which many pay at once."""

    def __init__(self, layout: Layout, hidden: Sequence[int], generator: torch.Generator) -> None:
        self.layout = layout
        self.mean_logit = 0.0
        """Mean of the logits that it was fitted with."""
        sizes = (len(layout.names()), *hidden, 1)
        self._stack = [nn.Linear(*pair) for pair in pairwise(sizes)]
        self.layers = nn.ModuleDict({str(k): layer for k, layer in enumerate(self._stack)})
        with torch.no_grad():
            for layer in self._stack[:-1]:
                bound = float(layer.in_features**-0.5)
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)
            self._stack[-1].weight.zero_()
            self._stack[-1].bias.zero_()
        self._mean, self._scale = torch.zeros(sizes[0]), torch.ones(sizes[0])

    def standardise(self, numbers: Float32) -> None:
        """Take mean and spread of the numbers from examples, shape (numbers, n); what never moves is left out."""
        values = torch.from_numpy(numbers)
        spread = values.std(dim=1, correction=0)
        self._mean = values.mean(dim=1)
        self._scale = torch.where(spread > 0, 1 / (spread + LEAST_SPREAD), torch.zeros(()))

    def output(self, numbers: Tensor) -> Tensor:
        """Return the perceptron, shape (n,), of numbers of shape (numbers, n)."""
        hidden = ((numbers.T - self._mean) * self._scale).contiguous()
        for layer in self._stack[:-1]:
            hidden = functional.leaky_relu(layer(hidden), SLOPE)
        output: Tensor = self._stack[-1](hidden)
        return output.squeeze(1)

    def shift(self, clicks: OpenClicks) -> Float64:
        """Return G of open clicks: what their state adds to their logits."""
        shifts = np.empty(len(clicks))
        with torch.inference_mode():
            # The first layer takes the numbers as they are; one column a click spares a transposition.
            first = self._stack[0].weight * self._scale
            layers = [(first, (self._stack[0].bias - first @ self._mean).unsqueeze(1))]
            layers += [(layer.weight, layer.bias.unsqueeze(1)) for layer in self._stack[1:]]
            seen = self.atoms.as_of(clicks)
            for begin in range(0, len(clicks), CHUNK):
                part = slice(begin, begin + CHUNK)
                values = torch.from_numpy(self.layout.numbers(seen[part]))
                for place, (weight, bias) in enumerate(layers):
                    values = torch.addmm(bias, weight, values)
                    if place < len(layers) - 1:
                        functional.leaky_relu_(values, SLOPE)
                shifts[part] = values[0].numpy()
        return shifts + self.atoms.log_survival(clicks.age)

    def each(self, clicks: OpenClicks) -> Float64:
        """Return the logits of open clicks for each opening that sales may have, shape (onsets, n)."""
        return (clicks.logit + self.shift(clicks))[np.newaxis]

    def state_dict(self) -> dict[str, Any]:
        """Return all that fitting changes."""
        return {
            "layers": {name: value.clone() for name, value in self.layers.state_dict().items()},
            "mean": self._mean,
            "scale": self._scale,
            "mean_logit": self.mean_logit,
            "atoms": torch.from_numpy(np.stack([self.atoms.delay, self.atoms.survival])),
            "at_atoms": self.atoms.share,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises
        ------
        KeyError, RuntimeError, ValueError : the state is that of another net.
        """
        self.layers.load_state_dict(state["layers"])
        if state["mean"].shape != self._mean.shape:
            raise ValueError(f"the state has {len(state['mean'])} numbers, not {len(self._mean)}")
        self._mean, self._scale = state["mean"], state["scale"]
        self.mean_logit = float(state["mean_logit"])
        delay, survival = state["atoms"].numpy()
        self.atoms = Atoms(delay, survival, float(state["at_atoms"]))
