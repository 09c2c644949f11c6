"""Progressive layered extraction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import PositiveInt

from learners.networks.base import NETWORKS
from learners.networks.experts import Mixed, mixture
from learners.networks.sized import Units

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

SHARED = "shared"


@NETWORKS.register("ple")
class Extraction(Mixed):
    """Levels of experts: each head mixes its own and the shared ones of a level (PLE: Tang et al., RecSys 2020).

    On a level, head k mixes what its own experts say of its state and the shared ones of the shared state, by a softmax
    gate on its state; that is its next state. The next shared state mixes all experts. MMLRec has 2 shared experts and 3 a
    head, 2 levels and [128], as here; NISE 4 and 4.
    """

    hidden: Units = (128,)
    """Units of each expert's layers."""
    levels: PositiveInt = 2
    """How many levels; with one it is the paper's CGC."""
    shared: PositiveInt = 2
    """Shared experts of a level."""
    own: PositiveInt = 3
    """Experts of each head on a level."""

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        counts = {**dict.fromkeys(heads, self.own), SHARED: self.shared}
        levels, read = nn.ModuleList(), width + inputs
        for level in range(self.levels):
            experts = {
                name: nn.ModuleList(self.stack(read, self.sizes, generator) for _ in range(count))
                for name, count in counts.items()
            }
            gates = {head: self.gates(read, self.own + self.shared, generator) for head in heads}
            if level < self.levels - 1:  # nobody reads the shared state after the last
                gates[SHARED] = self.gates(read, sum(counts.values()), generator)
            parts = {"experts": nn.ModuleDict(experts), "gates": nn.ModuleDict(gates)}
            levels.append(nn.ModuleDict(parts))
            read = self.sizes[-1]
        return nn.ModuleDict({"levels": levels, **self.towers(read, heads, generator)})

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        import torch

        from learners.layers import apart, joined, once

        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        levels: nn.ModuleList = layers["levels"]  # type: ignore[assignment]
        states = dict.fromkeys((*heads, SHARED), once(joined(apart(embedded)[0], inputs)))
        for level in levels:
            experts, gates = level["experts"], level["gates"]  # type: ignore[index]
            said = {name: _said(some, states[name]) for name, some in experts.items()}
            everything = torch.cat(list(said.values()), dim=1)
            read = {head: torch.cat([said[head], said[SHARED]], dim=1) for head in heads}
            states = {
                name: mixture(gate(states[name]), read.get(name, everything)) for name, gate in gates.items()
            }
        return self.told(layers, states)


def _said(experts: nn.ModuleList, state: Tensor) -> Tensor:
    """Return what experts say of a state, shape (B, experts, units)."""
    import torch

    return torch.stack([expert(state) for expert in experts], dim=1)
