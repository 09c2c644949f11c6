"""Bi-DEFUSE: conversions inside the observation window and after it, each with a head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from learners.objectives.base import OBJECTIVES, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("bi-defuse")
class BiDistribution(Objective):
    """The bi-distribution framework of DEFUSE (Chen et al., WWW 2022), with elapsed-time delivery.

    ``in_window`` learns P(pays inside the observation window) from first deliveries alone: their labels are right.
    ``out_window`` learns P(pays after it), g: a delayed positive (by its role) counts as a positive, a first
    delivery as g g of one and (1 - g) (1 + g) of a negative, g being the online model's own, without gradient.
    The link ``two-windows`` adds both up.
    """

    heads = ("in_window", "out_window")
    targets = ("converted",)

    variant: Literal["paper", "port"] = "paper"
    """"port" is NetCVR's code: no mask on the first head, no weights on the second; it counts late conversions twice."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        from torch.nn.functional import softplus

        inside, late = outputs["in_window"], outputs["out_window"]
        target, delayed = batch.target("converted"), batch.role("delayed_positive")
        first = 1 - delayed
        seen = target.value * softplus(-inside) + (1 - target.value) * softplus(inside)
        if self.variant == "port":
            return target.mean(seen + delayed * softplus(-late) + first * softplus(late))
        g = late.detach().sigmoid()
        up, down = delayed + first * g * g, first * (1 - g) * (1 + g)
        return target.mean(first * seen + up * softplus(-late) + down * softplus(late))

    def on_finals(self) -> Objective:
        # As if the window had no end: every pay is inside it. The weights of ``out_window`` would keep it at its start.
        return self.model_copy(update={"variant": "port"})
