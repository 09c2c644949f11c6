"""The seam of space corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import NonNegativeFloat

from simulator.parts import Part, Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from learners.impressions import Rows


class Space(Part):
    """A loss over impressions: L = weight_ctr L_ctr + weight_cvr L_cvr + weight_ctcvr L_ctcvr.

    L_ctr is the cross-entropy of the click over the impressions, L_ctcvr that of "clicked and converted"; both are
    the same for all. A correction is what L_cvr is, and how much each counts.
    """

    heads: ClassVar[tuple[str, ...]] = ("ctr", "cvr")
    """Network heads that the loss reads: the logits of c = P(click) and f = P(conversion | click), and its own."""
    targets: ClassVar[tuple[str, ...]] = ()
    """Sample columns that it learns from beside ``clicked`` and ``converted``."""
    estimates: ClassVar[tuple[str, ...]] = ()
    """What an auxiliary must estimate for each row."""

    weight_ctr: NonNegativeFloat = 1.0
    """Weight of L_ctr."""
    weight_cvr: NonNegativeFloat = 1.0
    """Weight of L_cvr (lambda_c)."""
    weight_ctcvr: NonNegativeFloat = 0.0
    """Weight of L_ctcvr (lambda_g)."""

    def composed(self, outputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the outputs per head with the logit of f among them as ``cvr``, where it is none of its own."""
        return outputs

    def cvr(self, rows: Rows) -> Tensor:
        """Return L_cvr, a scalar."""
        raise NotImplementedError

    def loss(self, rows: Rows) -> Tensor:
        """Return the loss of a batch, a scalar; terms of weight 0 are not computed."""
        terms = (
            (self.weight_ctr, rows.ctr),
            (self.weight_cvr, lambda: self.cvr(rows)),
            (self.weight_ctcvr, rows.ctcvr),
        )
        parts = [weight * term() for weight, term in terms if weight]
        return sum(parts[1:], start=parts[0]) if parts else rows.nothing()


SPACES: Registry[Space] = Registry("space correction", "spaces", "learners.spaces", Space)
