"""What a batch says of impressions: who clicked, and what is known of those that did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from learners.batch import Batch, Target
from learners.objectives.base import Weighted


@dataclass(slots=True)
class Rows:
    """The rows of a batch, as `Space` reads them. All sums are divided by the number of rows of the batch.

    In a stream the impressions (``clicked`` 0 or 1) and the conversion labels of earlier clicks are rows of their own;
    in pre-training and offline one row is both. Either way the impressions of a batch are in expectation as many as
    those that its labels come from, so one divisor serves all terms: their optimum does not depend on it, and a batch
    of few impressions, or of none, has no huge loss.

    Parameters
    ----------
    up, down : how much each row counts as a conversion and as none, shapes (B,); over all deliveries of a click they
        sum to its conversion rate and to 1 minus it. 0 on rows that say nothing of the conversion of a click.
    """

    batch: Batch
    outputs: Mapping[str, Tensor]
    up: Tensor
    down: Tensor
    observed: Tensor
    """1 on the rows that say whether a click converted (O), 0 on the others."""
    clicked: Target = field(init=False)
    """The click label; weight 0 on rows that say nothing of it."""

    def __post_init__(self) -> None:
        self.clicked = self.batch.target("clicked")

    @property
    def clicks(self) -> Tensor:
        """Which rows are not of an impression that nobody clicked."""
        return _clicks(self.clicked)

    @classmethod
    def of(cls, batch: Batch, outputs: Mapping[str, Tensor], conversion: Weighted) -> Rows:
        """Return the rows with the weights that a conversion objective gives, at the logit of f."""
        converted, told = batch.target("converted"), told_of_clicks(batch)
        share = converted.weight / conversion.deliveries(batch, outputs)
        # What an auxiliary says of a row that is no click means nothing, and need not be finite.
        up, down = (
            (share * side).where(told, share.new_zeros(())) for side in conversion.weights(batch, outputs)
        )
        return cls(batch, outputs, up, down, told.to(share.dtype))

    @property
    def unclicked(self) -> Tensor:
        """Weight of each row as an impression that nobody clicked (N)."""
        return self.clicked.weight * (1 - self.clicked.value)

    def mean(self, losses: Tensor) -> Tensor:
        """Return the sum over the number of rows of the batch."""
        return losses.sum() / len(losses)

    def nothing(self) -> Tensor:
        """Return a loss of 0."""
        return self.outputs["ctr"].sum() * 0

    def ctr(self) -> Tensor:
        """Return the cross-entropy of the click over the impressions."""
        return self.clicked.cross_entropy(self.outputs["ctr"])

    def ctcvr(self) -> Tensor:
        """Return the cross-entropy of "clicked and converted", at c f, over the impressions.

        What nobody clicked is certain not to have converted; clicks count as the conversion objective weighs them.
        """
        return self.product("cvr", self.up, self.down)

    def product(self, head: str, up: Tensor, down: Tensor) -> Tensor:
        """Return the cross-entropy of "clicked and so", at c times the probability of a head, over the impressions.

        ``up`` and ``down`` are how much each click counts as so and as not so, shapes (B,). What nobody clicked is not so.
        """
        click, then = self.outputs["ctr"], self.outputs[head]
        both = functional.softplus(-click) + functional.softplus(-then)
        return self.mean(up * both + (down + self.unclicked) * -_log_not_both(click, then))

    def errors(self) -> tuple[Tensor, Tensor]:
        """Return the loss of f where a click converted and where it did not, shapes (B,)."""
        conversion = self.outputs["cvr"]
        return functional.softplus(-conversion), functional.softplus(conversion)

    def observed_errors(self) -> Tensor:
        """Return the weighted cross-entropy of f of each row, 0 where no conversion label is said."""
        positive, negative = self.errors()
        return self.up * positive + self.down * negative


def told_of_clicks(batch: Batch) -> Tensor:
    """Return which rows say whether a click converted (O), shape (B,)."""
    return (batch.target("converted").weight != 0) & _clicks(batch.target("clicked"))


def _clicks(clicked: Target) -> Tensor:
    return ~((clicked.weight != 0) & (clicked.value == 0))


def _log_not_both(a: Tensor, b: Tensor) -> Tensor:
    """Return log(1 - sigmoid(a) sigmoid(b)) = log((1 - c) + c (1 - f)), which no logits make infinite."""
    return torch.logaddexp(-functional.softplus(a), -functional.softplus(-a) - functional.softplus(b))
