"""Conversions learnt from clicks alone, or from all impressions through the product with the click rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat

from learners.spaces.base import SPACES, Space

if TYPE_CHECKING:
    from torch import Tensor

    from learners.impressions import Rows


@SPACES.register("naive")
class Naive(Space):
    """L_cvr is the conversion loss on clicks, as a mean over clicks; beside it the click rate on all impressions.

    What a method for clicks does, served on impressions: it learns P(conversion | x, clicked).
    """

    def cvr(self, rows: Rows) -> Tensor:
        return rows.observed_errors().sum() / rows.observed.sum().clamp(min=1)


@SPACES.register("esmm")
class EntireSpaceMultiTask(Naive):
    """Entire space multi-task model (ESMM: Ma et al., SIGIR 2018): L_ctr + L_ctcvr, no loss of f itself.

    Gradients go through both factors of c f. With enough capacity f settles at P(conversion | x, clicked), as
    the naive loss does.
    """

    weight_cvr: NonNegativeFloat = 0.0
    """Weight of the conversion loss on clicks; the model has none."""
    weight_ctcvr: NonNegativeFloat = 1.0
    """Weight of L_ctcvr (lambda_g)."""
