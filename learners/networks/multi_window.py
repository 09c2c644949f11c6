"""The heads of MISS: one a waiting window, and a small layer that mixes what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from learners.networks.base import NETWORKS
from learners.networks.mlp import MLP

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

WINDOW_HEADS = ("half_window", "two_thirds_window", "whole_window")
"""Heads for a half, two thirds and the whole of the observation window."""


@NETWORKS.register("multi-window")
class MultiWindow(MLP):
    """Three probabilities u on one trunk, fused as k u, k = softmax(W [u, softmax(u)] + b) (MISS, AAAI 2024).

    The head ``cvr`` is the fusion's logit; its last layer is W, b, where the same bias on all three changes nothing: a
    pre-training that starts at the base rate starts the three there (recipe ``multi-window``).
    """

    def build(self, width: int, heads: Sequence[str], generator: Generator, inputs: int = 0) -> nn.ModuleDict:
        from learners.layers import linear

        layers = super().build(width, [head for head in heads if head != "cvr"], generator, inputs)
        own: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        own["cvr"] = linear(2 * len(WINDOW_HEADS), len(WINDOW_HEADS), generator)
        return layers

    def forward(
        self, layers: nn.ModuleDict, embedded: Tensor, inputs: Tensor | None = None
    ) -> dict[str, Tensor]:
        import torch

        from learners.layers import apart, joined

        hidden = layers["trunk"](joined(apart(embedded)[0], inputs))
        heads: nn.ModuleDict = layers["heads"]  # type: ignore[assignment]
        outputs = {name: head(hidden).squeeze(1) for name, head in heads.items() if name != "cvr"}
        logits = torch.stack([outputs[head] for head in WINDOW_HEADS], dim=1)
        return {"cvr": fused(heads["cvr"], logits), **outputs}


def fused(fusion: nn.Module, logits: Tensor) -> Tensor:
    """Return the logit of the mixture of probabilities whose logits are (B, heads), shape (B,)."""
    import torch
    from torch.nn.functional import log_softmax, logsigmoid

    u = logits.sigmoid()
    log_share = log_softmax(fusion(torch.cat([u, u.softmax(dim=1)], dim=1)), dim=1)
    pays = torch.logsumexp(log_share + logsigmoid(logits), dim=1)
    pays_not = torch.logsumexp(log_share + logsigmoid(-logits), dim=1)
    return pays - pays_not
