"""A student, and a teacher that is told the click rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt

from learners.networks.base import NETWORKS
from learners.networks.experts import Mixed, mixture
from learners.networks.sized import last_layers
from simulator.errors import PartError

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

TEACHER, STUDENT, CLICK = "teacher", "cvr", "ctr"
INFORMATION = "information"
START, LEAST = 5.0, 1e-3
"""A variance is softplus of a number that starts at the first, plus the second."""


@NETWORKS.register("evi")
class ClickAwareTeacher(Mixed):
    """A mixture of experts under all heads, and another one under the head ``teacher`` (EVI, AAAI 2025).

    The teacher reads the outer product of x and a linear embedding of c, the click rate, which it does not train. The head
    ``information`` is no estimate but a loss of each row: half the sum, over the last layers of both towers, of the mean of
    log v + (teacher - W student)^2 / v, the negative bound on what the student's numbers tell of the teacher's. It moves both.

    The public code has 8 experts [256], dropout 0.3, towers [128, 64, 32], ReLU and no batch norm, on embeddings of 5
    numbers.
    """

    made = (INFORMATION,)

    experts: Annotated[int, Field(ge=2)] = 8
    """How many experts the student has, and how many the teacher."""
    tower: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (128, 64, 32)
    """Units of each head's own layers above its mixture."""
    norm: bool = False
    activation: Literal["leaky-relu", "relu"] = "relu"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of each expert's numbers that are 0 in a step of training; towers have no dropout."""
    click_units: PositiveInt = 5
    """Numbers in the embedding of the click rate."""
    informed: PositiveInt = 2
    """Layers of the towers that the information is of, counted from the last; all, if there are fewer."""
    variance: Literal["learnt", "fixed"] = "learnt"
    """Whether v is learnt, one of each unit, or stays where it starts: the public code takes it once, before training."""

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from torch import nn

        from learners.layers import linear

        self._check(heads)
        width += inputs
        estimates = [head for head in heads if head != INFORMATION]
        layers = self._mixed(width, [head for head in estimates if head != TEACHER], generator)
        last = last_layers(self.tower[-1], estimates, generator)
        layers["heads"] = last
        if TEACHER in heads:
            layers["click"] = linear(1, self.click_units, generator)
            layers[TEACHER] = self._mixed(width * self.click_units, [TEACHER], generator)
        if INFORMATION in heads:
            units = self.tower[-self.informed :]
            layers["maps"] = nn.ModuleList(linear(n, n, generator) for n in units)
            last[INFORMATION] = layers["maps"][-1]  # type: ignore[index]
            if self.variance == "learnt":
                import torch

                layers["spreads"] = nn.ParameterList(torch.full((n,), START) for n in units)
        return layers

    def _check(self, heads: Sequence[str]) -> None:
        for head, needed in ((TEACHER, CLICK), (INFORMATION, TEACHER), (INFORMATION, STUDENT)):
            if head in heads and needed not in heads:
                raise PartError(
                    f"the head {head!r} is made with {needed!r}, which is not among {', '.join(heads)}"
                )

    def _mixed(self, width: int, heads: Sequence[str], generator: Generator) -> nn.ModuleDict:
        """Return experts, and each head's gate and tower, the latter layer by layer."""
        from torch import nn

        plain = self.model_copy(update={"dropout": 0.0})
        experts = nn.ModuleList(self.stack(width, self.sizes, generator) for _ in range(self.experts))
        sizes = list(pairwise((self.sizes[-1], *self.tower)))
        towers = {h: nn.ModuleList(plain.stack(a, [b], generator) for a, b in sizes) for h in heads}
        gates = {head: self.gates(width, self.experts, generator) for head in heads}
        return nn.ModuleDict(
            {"experts": experts, "gates": nn.ModuleDict(gates), "towers": nn.ModuleDict(towers)}
        )

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        from learners.layers import apart, joined

        whole = joined(apart(embedded)[0], inputs)
        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        hidden = _hidden(layers, whole)
        outputs = {head: heads[head](levels[-1]).squeeze(1) for head, levels in hidden.items()}
        if TEACHER in heads:
            click = layers["click"](outputs[CLICK].detach().sigmoid().unsqueeze(1))
            aware = (whole.unsqueeze(2) * click.unsqueeze(1)).flatten(1)
            hidden |= _hidden(layers[TEACHER], aware)
            outputs[TEACHER] = heads[TEACHER](hidden[TEACHER][-1]).squeeze(1)
        if INFORMATION in heads:
            outputs[INFORMATION] = self._information(layers, hidden[TEACHER], hidden[STUDENT])
        return outputs

    def _information(
        self, layers: nn.ModuleDict, teacher: Sequence[Tensor], student: Sequence[Tensor]
    ) -> Tensor:
        from torch.nn.functional import softplus

        maps: nn.ModuleList = layers["maps"]  # type: ignore[assignment]
        total = teacher[-1].new_zeros(len(teacher[-1]))
        for back in range(1, len(maps) + 1):
            raw = layers["spreads"][-back] if "spreads" in layers else total.new_tensor(START)  # type: ignore[index]
            variance = softplus(raw) + LEAST
            apart = teacher[-back] - maps[-back](student[-back])
            total = total + (variance.log() + apart.square() / variance).mean(1) / 2
        return total


def _hidden(layers: nn.Module, whole: Tensor) -> dict[str, list[Tensor]]:
    """Return the numbers after each layer of each head's tower."""
    import torch

    from learners.layers import once

    whole = once(whole)
    parts: Mapping[str, nn.ModuleDict] = layers  # type: ignore[assignment]
    said = torch.stack([expert(whole) for expert in parts["experts"]], dim=1)  # type: ignore[operator]
    found: dict[str, list[Tensor]] = {}
    for head, tower in parts["towers"].items():
        levels = [mixture(parts["gates"][head](whole), said)]
        for layer in tower:  # type: ignore[attr-defined]
            levels.append(layer(levels[-1]))
        found[head] = levels[1:]
    return found
