"""The loss of three terms: delayed, all, and what carts are estimated to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeFloat

from learners.objectives.base import OBJECTIVES, Objective
from simulator.composite import following

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch, Target

Causal = Literal["none", "tau", "mu1", "mix"]
SMALLEST = 1e-6
"""Probabilities that are sums or mixtures are read inside [1e-6, 1 - 1e-6]."""
TOWER: Mapping[str, tuple[str, ...]] = {"mix": ("treated", "untreated")}
"""Heads of the tower, where it is not ``delay`` alone."""
ASKED: Mapping[str, tuple[str, ...]] = {"tau": ("tau",), "mu1": ("theta1",), "mix": ("theta1", "theta0")}


def tower_heads(causal: str) -> tuple[str, ...]:
    """Return the heads of the tower."""
    return TOWER.get(causal, ("delay",))


@OBJECTIVES.register("cm-dcm")
class CounterfactualDelay(Objective):
    """L = bce(delayed, p_delay) + ``weight_all`` bce(all, p_all) + ``weight_causal`` L_CM on clicks before a sale (eq. 11).

    p_all = p_direct + p_delay (eq. 2), with p_direct of the frozen everyday model: the second term, too, teaches the tower
    alone. L_CM holds p_delay to an estimate of what a cart does, without gradient:

    * ``tau``: mean over carted clicks of (p_delay - tau)^2, tau the estimated effect of a cart: the letter of the paper. It
      sets a probability equal to a difference, and pulls p_delay of carted clicks down to it.
    * ``mu1``: mean over carted clicks of (p_delay - theta1)^2, theta1 the estimated chance with a cart (ours, recommended):
      without hidden confounding that is the mean of the label itself.
    * ``mix``: p_delay = e theta1 + (1 - e) theta0 of two heads, e the everyday model's cart rate; each is held to its
      estimate on all clicks (ours).
    * ``none``: no such term.
    """

    heads = following(("direct", "cart", "delay"), lambda part: ("direct", "cart", *tower_heads(part.causal)))
    unserved = ("cart",)
    targets = ("direct", "delayed", "same_day_cart")
    estimates = following((), lambda part: ASKED.get(part.causal, ()))

    causal: Causal = "mu1"
    """What the third term holds the tower to."""
    weight_all: NonNegativeFloat = 0.5
    """Weight of the second term (lambda); the paper's is not public."""
    weight_causal: NonNegativeFloat = 0.1
    """Weight of the third term (lambda_c); the paper's is not public."""

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        delayed, direct = batch.target("delayed"), batch.target("direct")
        p_delay = delay_rate(outputs, self.causal)
        p_all = outputs["direct"].sigmoid().detach() + p_delay
        # Of a logit, no probability need be formed.
        plain = self.causal != "mix"
        loss = (
            delayed.cross_entropy(outputs["delay"]) if plain else _surprise(delayed, delayed.value, p_delay)
        )
        loss = loss + self.weight_all * _surprise(delayed, (delayed.value + direct.value).clamp(max=1), p_all)
        if self.causal != "none":
            loss = loss + self.weight_causal * self._causal(batch, delayed, outputs, p_delay)
        return loss

    def _causal(
        self, batch: Batch, delayed: Target, outputs: Mapping[str, Tensor], p_delay: Tensor
    ) -> Tensor:
        known = [batch.estimates[name].detach() for name in ASKED[self.causal]]
        if self.causal == "mix":
            squares = [
                (outputs[head].sigmoid() - estimate).square()
                for head, estimate in zip(TOWER["mix"], known, strict=True)
            ]
            return delayed.mean(squares[0] + squares[1])
        return delayed.mean((p_delay - known[0]).square(), batch.target("same_day_cart").value)


def delay_rate(outputs: Mapping[str, Tensor], causal: str) -> Tensor:
    """Return p_delay: that of its head, or the mixture of the rates with a cart and without one."""
    if causal != "mix":
        return outputs["delay"].sigmoid()
    cart = outputs["cart"].sigmoid().detach()
    treated, untreated = (outputs[head].sigmoid() for head in TOWER["mix"])
    return cart * treated + (1 - cart) * untreated


def _surprise(told: Target, label: Tensor, chance: Tensor) -> Tensor:
    chance = chance.clamp(SMALLEST, 1 - SMALLEST)
    return told.mean(-label * chance.log() - (1 - label) * (1 - chance).log())
