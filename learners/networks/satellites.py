"""DFSN's three networks side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from learners.networks.base import NETWORKS
from learners.networks.sized import Sized, Units, last_layers

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

SATELLITES = ("feature", "unbias")


@NETWORKS.register("satellites")
class Satellites(Sized):
    """A main network and two satellites, each with embeddings and a trunk of its own (DFSN, SIGIR 2023).

    The main one reads e M + sg[e_feature] M_feature + sg[e_unbias] M_unbias, where e are embeddings and M square
    matrices, and the head ``cvr`` is its logit + sg[the logit of unbias]: neither moves a satellite. The main one
    starts as a correction of nothing to its satellite, so that both together start at the base rate.
    """

    hidden: Units | None = None
    """Units of the hidden layers of each of them; ``[learner] hidden`` unless given."""
    mixing: Literal["identity", "normal"] = "identity"
    """How the matrices start: the main one's own embeddings alone, or, as in NetCVR's code, all at random from N(0, 1)."""

    embeddings = 3

    def bias(self, head: str, value: float) -> float:
        return 0.0 if head == "cvr" else value

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        from learners.layers import linear, trunk

        networks = ("main", *SATELLITES)
        layers = nn.ModuleDict(
            {
                "trunks": nn.ModuleDict({n: trunk(width + inputs, self.sizes, generator) for n in networks}),
                "heads": last_layers(self.sizes[-1], heads, generator),
                "mix": nn.ModuleDict({n: linear(width, width, generator, bias=False) for n in networks}),
            }
        )
        self._start_mixing(layers, generator)
        return layers

    def _start_mixing(self, layers: nn.ModuleDict, generator: Generator) -> None:
        from torch import nn

        mix: nn.ModuleDict = layers["mix"]  # type: ignore[assignment]
        for name, matrix in mix.items():
            weight: Tensor = matrix.weight  # type: ignore[assignment]
            if self.mixing == "normal":
                nn.init.normal_(weight, generator=generator)
            elif name == "main":
                nn.init.eye_(weight)
            else:
                nn.init.zeros_(weight)

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        from learners.layers import apart, joined

        mix: nn.ModuleDict = layers["mix"]  # type: ignore[assignment]
        trunks: nn.ModuleDict = layers["trunks"]  # type: ignore[assignment]
        own, feature, unbias = apart(embedded)
        read = {
            "main": mix["main"](own) + mix["feature"](feature.detach()) + mix["unbias"](unbias.detach()),
            "feature": feature,
            "unbias": unbias,
        }
        hidden = {name: trunks[name](joined(values, inputs)) for name, values in read.items()}
        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        outputs = {
            head: last(hidden[head if head in SATELLITES else "main"]).squeeze(1)
            for head, last in heads.items()
        }
        outputs["cvr"] = outputs["cvr"] + outputs["unbias"].detach()
        return outputs
