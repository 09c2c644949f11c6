"""A frozen trunk, and a tower beside it whose gates begin at 1."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field, PositiveInt, PrivateAttr

from learners.networks.base import NETWORKS
from learners.networks.sized import Stacked, Units, last_layers, said_by
from simulator.errors import ScenarioError, unknown

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from simulator.log.schema import Feature

EVERYDAY = ("direct", "cart")
"""Heads of the trunk; all others are of the tower."""

NEARLY = 0.01
"""How much of a click the tower's heads see at the start."""


@NETWORKS.register("gated-delay")
class GatedDelay(Stacked):
    """The everyday trunk with its heads (direct, cart), which the stream leaves as they are, and a tower for all other heads.

    Pre-training moves the trunk alone: meanwhile the tower says the rate at which it starts, and nothing of a click. In the
    stream the trunk, its heads and its embeddings are frozen, batch norm included. The tower reads the trunk's last hidden
    layer H and the context s: embeddings of its own, of the features named or of all. A gate before each of its layers
    multiplies what the layer reads by 2 sigmoid(g), g = W2 relu(W1 [s; H]) (PEPNet: Chang et al., KDD 2023); W2 starts at 0, so
    that all gates start at 1.

    Where embeddings are moved by Adam, the frozen ones stay with ``fresh_moments`` and without ``weight_decay``. Under
    ``[learner] attention`` the weights of a list go by both embeddings, so that the trunk reads what the stream moves.
    """

    embeddings: ClassVar[int] = 2

    tower: Units = (128, 64)
    """Units of the tower's hidden layers (ours)."""
    gate: bool = True
    """Whether there are gates."""
    gate_units: PositiveInt = 32
    """Units of a gate's hidden layer (ours)."""
    context: tuple[str, ...] = ()
    """Features that tower and gates read beside the trunk: price, discount, days to the sale, sequences; () for all."""
    rate: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """What the tower's heads say at the start, or nearly so; the base rate of the history where a rehearsal knows it."""

    _everyday: bool = PrivateAttr(default=False)
    _places: tuple[int, ...] = PrivateAttr(default=())
    """Positions of the context among the log's features; () for all."""
    _features: int = PrivateAttr(default=0)

    def reading(self, features: Sequence[Feature]) -> Self:
        names = [feature.name for feature in features]
        for name in self.context:
            if name not in names:
                raise ScenarioError(f"context: {unknown('feature', name, names)}")
        return self._with(_places=tuple(map(names.index, self.context)), _features=len(names))

    def pretraining(self) -> Self:
        return self._with(_everyday=True)

    def _with(self, **private: object) -> Self:
        own = self.model_copy()
        for name, value in private.items():
            setattr(own, name, value)
        return own

    @property
    def frozen_layers(self) -> tuple[str, ...]:
        return ("trunk", "everyday")

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        import torch
        from torch import nn

        from learners.layers import linear
        from simulator.logistic import logit

        hidden = self.sizes[-1]
        context = width // self._features * len(self._places) if self._places else width
        read = hidden + context + inputs
        widths = (read, *self.tower)
        trunk = self.stack(width + inputs, self.sizes, generator)
        everyday = last_layers(hidden, [head for head in heads if head in EVERYDAY], generator)
        # The tower has draws of its own: whatever it is, the everyday model and all embeddings start alike.
        apart = torch.Generator().manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
        later = last_layers(self.tower[-1], [head for head in heads if head not in EVERYDAY], apart)
        gates = [self._gate(read, units, apart) for units in widths[:-1]] if self.gate else []
        start = float(logit(np.array([self.rate]))[0])
        with torch.no_grad():
            for head in later.values():
                self._say(head, start, NEARLY)
            for gate in gates:
                self._say(gate[-1], 0.0, 0.0)
        # An everyday head is known there and here: the same layer, trained and saved once.
        both = {**everyday, **later}
        return nn.ModuleDict(
            {
                "trunk": trunk,
                "everyday": everyday,
                "tower": nn.ModuleList([linear(a, b, apart) for a, b in pairwise(widths)]),
                "gates": nn.ModuleList(gates),
                "heads": nn.ModuleDict({head: both[head] for head in heads}),
            }
        )

    def _gate(self, read: int, units: int, generator: Generator) -> nn.Sequential:
        from torch import nn

        from learners.layers import linear

        return nn.Sequential(
            linear(read, self.gate_units, generator), nn.ReLU(), linear(self.gate_units, units, generator)
        )

    def _say(self, layer: Any, value: float, share: float) -> None:
        """Let a layer say one value, and of what it reads a share of what it would have said."""
        layer.weight.mul_(share)
        layer.bias.fill_(value)

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        from learners.layers import apart, joined

        each = apart(embedded)
        everyday: Any = layers["everyday"]
        heads: Any = layers["heads"]
        later = {head: heads[head] for head in heads if head not in EVERYDAY}
        if self._everyday:
            hidden = layers["trunk"](joined(each[0], inputs))
            constant = 0 * embedded.sum((0, 2))  # asked of the embeddings, so that they have a slope: 0
            return {**said_by(everyday, hidden), **{head: constant + later[head].bias for head in later}}
        layers["trunk"].eval()  # its statistics are frozen with it
        hidden = layers["trunk"](joined(each[0], inputs).detach()).detach()
        read = joined(hidden, joined(self._context(each[1]), inputs))
        return {**said_by(everyday, hidden), **said_by(later, self._tower(layers, read))}

    def _context(self, own: Tensor) -> Tensor:
        if not self._places:
            return own
        split = own.view(len(own), self._features, -1)
        return split[:, list(self._places)].reshape(len(own), -1)

    def _tower(self, layers: Any, read: Tensor) -> Tensor:
        numbers = read
        gates = self.gates(layers, read) if self.gate else [None] * len(self.tower)
        for layer, gate in zip(layers["tower"], gates, strict=True):
            numbers = layer(numbers if gate is None else gate * numbers).relu()
        return numbers

    def gates(self, layers: Any, read: Tensor) -> list[Tensor]:
        """Return by what each layer of the tower multiplies what it reads; ``read`` is [H; s], shape (B, units)."""
        return [2 * gate(read).sigmoid() for gate in layers["gates"]]
