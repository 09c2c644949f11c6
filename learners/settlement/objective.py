"""Settlement: the slope of the journey's likelihood in the logit, delivered in increments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from learners.objectives.base import OBJECTIVES, Weighted, Weights
from learners.objectives.bce import HEADS
from simulator.composite import following

if TYPE_CHECKING:
    from torch import Tensor

    from learners.batch import Batch


@OBJECTIVES.register("settlement")
class Settlement(Weighted):
    """Linear loss of posterior settlement: the mean of w sg(q(previous) - q(now)) z.

    z is the logit, and q(e) = sigmoid(z + e) the posterior after evidence e, without gradient; where there is no previous
    evidence q(previous) is p = sigmoid(z) itself. So a first delivery pulls z along p - q(now), which is the slope of the
    cross-entropy with the soft label q(now); a settlement pulls by the change of the posterior alone; and all that a click
    is fed adds up to p - y (`learners.settlement.policy`). The value of the loss means nothing; its slope does. It is
    divided by the size of the mini-batch: mini-batches are of one size, so a click's deliveries weigh the same
    whichever they fall into, and the sum holds.

    A sample without evidence, from another policy, is taken at its label: cross-entropy. With ``of = "refunded"`` it is the
    refund stage that is settled: the samples with that label, and the logit of the refund rate.
    """

    of: Literal["converted", "refunded"] = "converted"
    """The label; rows where it is null are left out."""
    beliefs: Literal["current", "frozen"] = "current"
    """Whose z is in q: that of the model as it is now, or the sample's ``prior``, which makes the first delivery a soft
    label and each settlement its correction. A prior that the model itself served is then corrected long after the model has
    moved on, so that it overshoots; with the auxiliary's ``frozen`` the prior is that of the start, and stays."""

    heads = following(("cvr",), lambda part: (HEADS[part.of],))
    targets = following(("converted",), lambda part: (part.of,))

    def loss(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        before, now, _ = self._posteriors(batch, outputs)
        return batch.target(self.of).mean((before - now) * outputs[HEADS[self.of]])

    def weights(self, batch: Batch, outputs: Mapping[str, Tensor]) -> Weights:
        """Return the same slope as weights: the soft label of a first delivery, then what the posterior has changed by."""
        before, now, first = self._posteriors(batch, outputs)
        change = now - before
        return now.where(first, change), (1 - now).where(first, -change)

    def _posteriors(self, batch: Batch, outputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the posteriors before and now, and whether nothing was said before."""
        own = outputs[HEADS[self.of]].detach()
        believed = own
        if self.beliefs == "frozen":
            prior = batch.carried("prior")
            believed = prior.where(~prior.isnan(), own)
        evidence, previous = batch.carried("evidence"), batch.carried("previous_evidence")
        label, first = batch.target(self.of).value, previous.isnan()
        now = (believed + evidence).sigmoid().where(~evidence.isnan(), label)
        return own.sigmoid().where(first, (believed + previous).sigmoid()), now, first
