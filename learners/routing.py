"""Routing between the towers for clicks that pay once and clicks that pay again (OnlineGMV, WWW 2026, section 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from learners.heads import LARGEST_LOG_AMOUNT
from simulator.log.schema import Float64
from simulator.parts import Part

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch

Share = Annotated[float, Field(ge=0, le=1)]
SMALLEST_LOG_AMOUNT = -5.0
"""Outputs are mixed as amounts from here on: expm1 of less is -1 to the last bits, whose log1p is infinite."""


class Zones(Part):
    """Where one tower answers alone: up to ``low`` that of clicks that pay once, from ``high`` on the other.

    Between them the answers are mixed as amounts, not as logarithms. Equal bounds are hard routing.
    """

    low: Share = 0.1
    """Up to this probability of paying again the tower of single pays answers alone."""
    high: Share = 0.9
    """From this one on the other tower does."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low:g}) must not be above high ({self.high:g})")
        return self

    def share(self, again: Tensor) -> Tensor:
        """Return the share of the tower of clicks that pay again, from the probability that a click does."""
        import torch

        inside = torch.where(again >= self.high, torch.ones_like(again), again)
        return torch.where(again <= self.low, torch.zeros_like(again), inside)

    def served_share(self, again: Float64) -> Float64:
        """Return `share` of served clicks."""
        return np.where(again <= self.low, 0.0, np.where(again >= self.high, 1.0, again))


def mixed(once: Tensor, again: Tensor, share: Tensor) -> Tensor:
    """Return log1p of the mixture of two amounts that are given as log1p; a share of 0 or 1 leaves one as it is."""
    import torch

    low, high = (x.clamp(SMALLEST_LOG_AMOUNT, LARGEST_LOG_AMOUNT).expm1() for x in (once, again))
    between = ((1 - share) * low + share * high).log1p()
    return torch.where(share == 0, once, torch.where(share == 1, again, between))


def known_route(batch: Batch, again: Tensor) -> Tensor:
    """Return the probability that a click pays again, as far as the samples do not tell it.

    Whoever was delivered with a second pay pays again; whoever had one pay when the window closed does not.
    """
    count = batch.tensor(batch.samples.pay_count.astype(np.float64))
    final = batch.role("final")
    return again * ((count <= 1) * (1 - final)) + (count > 1).to(again.dtype)
