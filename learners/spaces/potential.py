"""The bound of all space corrections: what a click would have come to is known of every impression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learners.spaces.base import SPACES, Space

if TYPE_CHECKING:
    from torch import Tensor

    from learners.impressions import Rows


@SPACES.register("potential")
class Potential(Space):
    """L_cvr is the cross-entropy of f on every row that says what a click came to, or would have come to.

    No click is weighed: with policy "potential", which tells the outcome of every impression, f learns P(V(1) = 1 | x) itself.
    """

    def cvr(self, rows: Rows) -> Tensor:
        label = rows.batch.target("converted")
        among = (label.weight != 0).sum().clamp(min=1)
        return label.cross_entropy(rows.outputs["cvr"]) * len(label.value) / among
