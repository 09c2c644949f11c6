"""TEN's network: the everyday layers, and beside them the last layers of models of past sales behind a gate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, PositiveInt, PrivateAttr

from learners.networks.base import NETWORKS
from learners.networks.mlp import MLP
from simulator.errors import RunError, ScenarioError, unknown

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from learners.materials import Materials
    from learners.model import Model
    from simulator.log.schema import Feature
    from simulator.scenario.learner import LearnerBlock

GATED, GATE = "gated", "gate"
OFFER = ("days_to_sale", "discount", "price")
BRIDGES, EXPERTS = "bridges", "experts"


@NETWORKS.register("temporal-experts")
class TemporalExperts(MLP):
    """A perceptron whose hidden numbers also go to experts of past sales (TemporalExpertNet, WSDM 2026).

    An expert is the last two layers of the model at the end of a past sale: pre-trained on the clicks before the sale as
    the method's recipe has it, and then in one pass, in time order, on those up to the sale's end; its batch norm is that of
    serving, and it stays as it is. A bridge, LeakyReLU(M h), maps what the everyday layers say below their last two to what
    the expert reads. M starts as the identity and is fitted on the clicks of the sale, with the everyday layers as
    pre-training has left them; then it is frozen as well. The head ``gated`` is (1 - g) o + g e, o the logit of ``cvr``, e that
    of the expert, g = sigmoid of the head ``gate``. It teaches the gate alone: everyday layers learn by ``cvr``, to the bit
    as if there were no experts. Of several experts e is a mean, weighted by a softmax of a second output of the gate.

    Sizes and losses are not published: what is assumed here is written in the parameters.
    """

    made = (GATED, GATE)

    experts: PositiveInt = 1
    """How many past sales there are experts of: the latest of the history."""
    bridge: bool = True
    """Whether there is a bridge; else experts read the everyday numbers as they are."""
    gate: Literal["per-click", "constant"] = "per-click"
    """Whether g depends on the click, or is one number."""
    joint: bool = False
    """Fit the bridge with the gate, on what the policy delivers, in the place of a stage of its own on past sales."""
    gate_units: PositiveInt = 64
    """Units of the gate's hidden layer."""
    opened: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Where g starts."""
    bridge_epochs: PositiveInt = 1
    """Passes over a past sale in which its bridge is fitted."""
    beside: tuple[str, ...] | None = None
    """Features whose embeddings the gate reads beside the hidden numbers; default: those of days_to_sale, discount and
    price that the log has."""
    dim: PositiveInt | None = None
    """Numbers in a feature's embedding; ``[learner] embedding_dim`` unless given."""

    _names: tuple[str, ...] = PrivateAttr(default=())
    _apart: bool = PrivateAttr(default=False)

    def completed(self, learner: LearnerBlock) -> Self:
        return super().completed(learner).model_copy(update={"dim": self.dim or learner.embedding_dim})

    def reading(self, features: Sequence[Feature]) -> Self:
        names = tuple(feature.name for feature in features)
        for name in self.beside or ():
            if name not in names:
                raise ScenarioError(f"beside = {list(self.beside or ())}: {unknown('feature', name, names)}")
        own = self.model_copy()
        own._names = names  # noqa: SLF001 - of a copy of this one
        return own

    def pretraining(self) -> Self:
        # What the stream does with them does not matter to it: all of these share one checkpoint.
        own = self.model_copy(
            update={"bridge": True, "gate": "per-click", "joint": False, "bridge_epochs": 1}
        )
        own._apart = True  # noqa: SLF001 - of a copy of this one
        return own

    @property
    def everyday(self) -> MLP:
        """The perceptron without experts."""
        own = {name: getattr(self, name) for name in MLP.model_fields}
        return MLP(**own)

    @property
    def frozen_layers(self) -> tuple[str, ...]:
        return (EXPERTS,) if self.joint else (BRIDGES, EXPERTS)

    @property
    def below(self) -> int:
        """How many modules of the trunk are below its last hidden layer."""
        return (len(self.sizes) - 1) * (2 + self.norm + (self.dropout > 0))

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        import torch
        from torch import nn

        from learners.layers import Columns, linear

        plain = [head for head in heads if head not in self.made]
        layers = super().build(width, plain, generator, inputs)
        if len(plain) == len(heads):
            return layers
        # The draws of what is beside them move no everyday weight, nor an embedding.
        own = torch.Generator()
        own.set_state(generator.get_state())
        hidden = (width + inputs, *self.sizes)[-2]
        bridges = [linear(hidden, hidden, own) for _ in range(self.experts)]
        for bridge in bridges:
            nn.init.eye_(bridge.weight)
            nn.init.zeros_(bridge.bias)
        layers[BRIDGES] = nn.ModuleList(bridges)
        layers[EXPERTS] = nn.ModuleList(
            nn.ModuleList([linear(hidden, self.sizes[-1], own), linear(self.sizes[-1], 1, own)])
            for _ in range(self.experts)
        )
        chosen = self._columns(width)
        if chosen:
            layers["columns"] = Columns(chosen)
        layers["gate"] = linear(hidden + len(chosen), self.gate_units, own)
        last = linear(self.gate_units, 1, own)
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, math.log(self.opened / (1 - self.opened)))
        heads_of: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        heads_of[GATED] = heads_of[GATE] = last
        shares = linear(self.gate_units, self.experts, own)
        nn.init.zeros_(shares.weight)
        nn.init.zeros_(shares.bias)
        layers["shares"] = shares
        return layers

    def _columns(self, width: int) -> list[int]:
        """Return which of ``width`` numbers the gate reads."""
        names = OFFER if self.beside is None else self.beside
        if not self._names:
            return []
        assert self.dim is not None, "completed() comes before build()"
        return [k for k in range(width) if self._names[k // self.dim] in names]

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        if EXPERTS not in layers:
            return super().forward(layers, embedded, inputs)
        trunk: nn.Sequential = layers["trunk"]  # type: ignore[assignment]
        hidden = self.hidden_below(layers, embedded, inputs)
        last = trunk[self.below :](hidden)
        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        outputs = {
            name: self.read(name, head(last).squeeze(1))
            for name, head in heads.items()
            if name not in self.made
        }
        everyday = outputs["cvr"].detach()
        if self._apart:
            return {**outputs, GATED: everyday, GATE: everyday}
        gate, experts = self._beside(layers, hidden.detach(), embedded[0].detach())
        g = gate.sigmoid()
        return {**outputs, GATED: (1 - g) * everyday + g * experts, GATE: gate}

    def hidden_below(self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None) -> Tensor:
        """Return what the everyday layers say below their last two, shape (B, units)."""
        from learners.layers import apart, joined

        trunk: nn.Sequential = layers["trunk"]  # type: ignore[assignment]
        found: Tensor = trunk[: self.below](joined(apart(embedded)[0], inputs))
        return found

    def said_by_expert(
        self, layers: nn.ModuleDict, k: int, hidden: Tensor, bridge: nn.Module | None
    ) -> Tensor:
        """Return the logit of expert ``k``, shape (B,), of the everyday numbers behind a bridge, or as they are."""
        from torch.nn.functional import leaky_relu

        from learners.layers import SLOPE

        if bridge is not None:
            hidden = leaky_relu(bridge(hidden), SLOPE)
        first, second = layers[EXPERTS][k]  # type: ignore[index]
        slope = SLOPE if self.activation == "leaky-relu" else 0.0
        said: Tensor = second(leaky_relu(first(hidden), slope)).squeeze(1)
        return said

    def _beside(self, layers: nn.ModuleDict, hidden: Tensor, embedded: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit of the gate and that of the experts, shapes (B,)."""
        import torch
        from torch.nn.functional import leaky_relu

        from learners.layers import SLOPE

        bridges: nn.ModuleList = layers[BRIDGES]  # type: ignore[assignment]
        said = [
            self.said_by_expert(layers, k, hidden, bridge if self.bridge else None)
            for k, bridge in enumerate(bridges)
        ]
        if self.gate == "constant":
            read = hidden.new_zeros(
                len(hidden), self.gate_units
            )  # nothing of the click: the biases alone are left
        else:
            seen = [hidden, layers["columns"](embedded)] if "columns" in layers else [hidden]
            read = leaky_relu(layers["gate"](torch.cat(seen, dim=1)), SLOPE)
        shares = layers["shares"](read).softmax(1)
        experts = (shares * torch.stack(said, dim=1)).sum(1)
        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        gate: Tensor = heads[GATE](read).squeeze(1)
        return gate, experts

    def prepare(self, model: Model, materials: Materials) -> None:
        if EXPERTS not in model.layers:
            return
        history = materials.history
        past = [
            sale
            for sale in history.calendar.promotions
            if history.start <= sale.start and sale.end <= history.end
        ]
        if len(past) < self.experts:
            raise RunError(
                f"network {self.kind!r}: experts = {self.experts}, but the history holds {len(past)} whole sales; lengthen "
                "[stream] history, or lower experts"
            )
        from learners.reuse.experts import fit_experts

        fit_experts(self, model, materials, past[-self.experts :])
