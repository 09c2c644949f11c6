"""Target attention: tags of a click weighed by how they go with one of its other features (DIN: Zhou et al., KDD 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from learners.cells import Cells
from learners.layers import linear
from simulator.log.schema import Feature
from simulator.scenario.learner import AttentionBlock

SLOPE = 0.25
"""Slope of PReLU below 0 before it learns another."""


class ActivationUnit(nn.Module):
    """The weight of a tag: w = v . PReLU(A e + B (e * t) + C t + b) + c, of its embedding e and that of the target, t.

    The paper's unit also reads e - t, which A and C say already. Weights are not normalised, as in the paper: many tags that
    go with the target say more than one.
    """

    def __init__(self, width: int, units: int, generator: Generator) -> None:
        super().__init__()
        self.tag = linear(2 * width, units, generator)
        self.target = linear(width, units, generator, bias=False)
        self.slope = nn.Parameter(torch.full((units,), SLOPE))
        self.last = linear(units, 1, generator)

    def forward(self, tags: Tensor, target: Tensor) -> Tensor:
        """Return the weighed sum (B, width) of the tags (B, W, width) of clicks; ``target`` has shape (B, width)."""
        alone, met = self.tag.weight.t().chunk(2)  # a click's target makes of both one map of its tags
        of_click = torch.addcmul(alone, target.unsqueeze(2), met)
        hidden = torch.baddbmm((self.target(target) + self.tag.bias).unsqueeze(1), tags, of_click).flatten(
            0, 1
        )
        # PReLU(h) = s h + (1 - s) ReLU(h): its own backward pass takes more than all else.
        last, slope = self.last.weight[0], self.slope
        weight = torch.addmv(hidden @ (last * slope), torch.relu(hidden), last * (1 - slope)) + self.last.bias
        return torch.bmm(weight.view(-1, 1, tags.shape[1]), tags).squeeze(1)


@dataclass(frozen=True, slots=True)
class TagList:
    """The tags of one feature in a batch, each in a place of its click, and zeros where it has no further tag."""

    rows: Tensor
    """Which of the batch's rows they are."""
    place: Tensor
    """Where each of them is, of B * W places."""
    values: Tensor
    """Shape (B, W, width)."""


class Attention:
    """What is weighed by what, in a log's features.

    Raises
    ------
    ValueError : a feature is named that the log does not have (`simulator.scenario.learner.attention_faults` says it before).
    """

    def __init__(self, blocks: Sequence[AttentionBlock], features: Sequence[Feature]) -> None:
        names = [feature.name for feature in features]
        self._widths = [feature.width for feature in features]
        self._parts = [
            (names.index(b.target), [names.index(name) for name in b.over], b.units) for b in blocks
        ]

    def layers(self, width: int, generator: Generator) -> nn.ModuleList:
        """Return one activation unit a block, for embeddings of ``width`` numbers."""
        return nn.ModuleList(ActivationUnit(width, units, generator) for _, _, units in self._parts)

    def lists(self, cells: Cells, values: Tensor) -> list[TagList]:
        """Return the tags that are weighed, from the values of all rows; they want a gradient of their own."""
        assert cells.entry is not None, "tags are weighed"
        assert cells.begin is not None, "tags are weighed"
        fields, width = len(self._widths), values.shape[1]
        field, found = cells.entry % fields, []
        for at in (one for _, over, _ in self._parts for one in over):
            rows = (field == at).nonzero().squeeze(1)
            entry = cells.entry.index_select(0, rows)
            place = entry.div(fields, rounding_mode="floor") * self._widths[at] + rows - cells.begin[entry]
            padded = values.new_zeros(len(cells.begin) // fields * self._widths[at], width)
            padded.index_copy_(0, place, values.index_select(0, rows))
            listed = padded.view(-1, self._widths[at], width).requires_grad_(torch.is_grad_enabled())
            found.append(TagList(rows, place, listed))
        return found

    def pooled(self, layers: nn.ModuleList, entries: Tensor, lists: Sequence[TagList]) -> Tensor:
        """Return the entries (clicks times features, width) with the sums of weighed tags in the place of their means."""
        by_field, waiting = entries.view(-1, len(self._widths), entries.shape[1]), iter(lists)
        found = list(by_field.unbind(1))
        for (target, over, _), unit in zip(self._parts, layers, strict=True):
            for at in over:
                found[at] = unit(next(waiting).values, by_field[:, target])
        return torch.stack(found, 1).flatten(0, 1)


def spread(gradient: Tensor, lists: Sequence[TagList]) -> None:
    """Put the gradients of weighed tags in the place of those that ``gradient`` has for their rows."""
    for tags in lists:
        assert tags.values.grad is not None, "they were made for a gradient"
        gradient.index_copy_(0, tags.rows, tags.values.grad.flatten(0, 1).index_select(0, tags.place))
