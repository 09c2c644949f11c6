"""How those who convert behave after the click, and how the others do: fitted on whole lives of the history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from learners.heads import SHARE, Head, shares_loss
from learners.start.base import Examples, Recipe
from learners.trajectory.horizons import States
from simulator.composite import following
from simulator.log.schema import ClickBatch, EventBatch, Float64, Labels
from simulator.units import PositiveDuration

if TYPE_CHECKING:
    from torch import Tensor

PAY, CART_IF_PAID, CART_IF_NOT = "pay", "cart_if_paid", "cart_if_not"


def shares_of(name: str, horizons: int) -> tuple[str, ...]:
    """Return the heads of one whole: the horizon by which something is first known; for carts, 0 for never."""
    first = 1 if name == PAY else 0
    return tuple(f"{name}_{h}" for h in range(first, horizons + 1))


class Behaviour(Recipe):
    """p(first horizon with a pay | x, converts) and p(first horizon with a cart | x, converts or not), each a softmax.

    So p(o_h | x, y), that something is known by horizon h, is a sum of shares and grows with h; TRACE and GDFM have a logit for
    each horizon, and the class as an input of the net. Pay and cart are taken as independent given x and y, as there. That who
    does not convert shows no pay, and who does has shown one by the close, is known and not learnt.
    """

    kind: ClassVar[str] = "behaviour"

    ages: tuple[PositiveDuration, ...] = ()
    """Ages of the horizons before the close."""

    heads = following({}, lambda part: part.fitted())
    uses_events = True

    @property
    def horizons(self) -> int:
        """How many horizons there are, the close among them."""
        return len(self.ages) + 1

    def wholes(self) -> tuple[tuple[str, ...], ...]:
        """Return the heads of each softmax."""
        return tuple(shares_of(name, self.horizons) for name in (PAY, CART_IF_PAID, CART_IF_NOT))

    def fitted(self) -> Mapping[str, Head]:
        """Return all heads."""
        return dict.fromkeys((head for whole in self.wholes() for head in whole), SHARE)

    def examples(self, clicks: ClickBatch, labels: Labels, events: EventBatch) -> Examples:
        states = States.of_history(clicks, events, self.ages)
        pay = np.where(np.isinf(states.paid), self.horizons, states.paid)
        cart = np.where(np.isinf(states.carted), 0, states.carted)
        first = {PAY: pay, CART_IF_PAID: cart, CART_IF_NOT: cart}
        among = {PAY: labels.converted, CART_IF_PAID: labels.converted, CART_IF_NOT: ~labels.converted}
        targets = {}
        for name, where in first.items():
            for head in shares_of(name, self.horizons):
                here = where == int(head.rpartition("_")[2])
                targets[head] = np.where(among[name], here.astype(np.float64), np.nan)
        return Examples(targets)

    def loss(self, outputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        parts = [shares_loss(outputs, targets, whole) for whole in self.wholes()]
        return sum(parts[1:], start=parts[0])


@dataclass(frozen=True, slots=True)
class Known:
    """Shares of the first horizon by which something is known, for clicks: arrays of shape (n, horizons).

    ``pay`` given that a click converts, so that its rows sum to 1; ``cart_if_paid`` and ``cart_if_not`` given that it does or
    does not; what they lack to 1 is "never".
    """

    pay: Float64
    cart_if_paid: Float64
    cart_if_not: Float64

    @classmethod
    def of_outputs(cls, outputs: Mapping[str, Float64], horizons: int) -> Known:
        """Read the outputs of the model that `Behaviour` fits."""
        return cls(*(_shares(outputs, name, horizons) for name in (PAY, CART_IF_PAID, CART_IF_NOT)))

    @property
    def horizons(self) -> int:
        """How many there are."""
        return len(self.pay.T)


def _shares(outputs: Mapping[str, Float64], name: str, horizons: int) -> Float64:
    logits = np.stack([outputs[head] for head in shares_of(name, horizons)], axis=1)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Float64 = weights / weights.sum(axis=1, keepdims=True)
    return shares[:, -horizons:]
