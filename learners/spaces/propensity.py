"""Inverse propensities: how many impressions each click stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from learners.spaces.base import Space

if TYPE_CHECKING:
    from torch import Tensor

    from learners.impressions import Rows


class Weighing(Space):
    """A correction that weighs clicks by 1 / c, c being the model's own click rate."""

    clip: Annotated[float, Field(gt=0, le=1)] = 0.05
    """The smallest propensity that is divided by; below it no gradient passes, either. At a click rate below it, all
    weights are equal, and nothing is corrected."""
    normalise: Literal["none", "self", "clicks"] = "none"
    """"self": the weights of the clicks of a batch sum to its impressions; "clicks": they are divided by the share of its
    impressions that were clicked (Paddle's ESCM2)."""
    stop_gradient: bool = True
    """Weights are constants; off, the click rate is trained through them, too, upwards (public code of ESCIM)."""

    def inverse(self, rows: Rows, of: Literal["clicked", "unclicked"] = "clicked") -> Tensor:
        """Return 1 / clip(c), or 1 / clip(1 - c), of each row."""
        logit = rows.outputs["ctr"]
        if self.stop_gradient:
            logit = logit.detach()
        inverse = 1 / (logit if of == "clicked" else -logit).sigmoid().clamp(min=self.clip)
        if self.normalise == "none":
            return inverse
        weight = rows.clicked.weight
        among = weight * (rows.clicked.value if of == "clicked" else 1 - rows.clicked.value)
        total = (among * inverse).sum() if self.normalise == "self" else among.sum()
        # A batch in which nobody clicked has nothing to be normalised by.
        return inverse * (weight.sum() / total).where(total > 0, total.new_ones(()))
